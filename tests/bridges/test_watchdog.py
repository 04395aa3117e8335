"""Whatever becomes of the work, the caller goes on in time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent_memory.bridges.watchdog import Heard, in_time

LONG = 60.0


def test_an_answer_and_remarks_arrive():
    def work(speaker: Any) -> None:
        speaker.place("/some/\udcff store")
        speaker.remark("two\nlines \udcff")
        speaker.answer(b"x" * 300_000)

    heard = in_time(work, limit=LONG)
    assert heard == Heard(b"x" * 300_000, ("two lines \\udcff",), "/some/\udcff store")


def test_silence_is_an_answer():
    assert in_time(lambda speaker: None, limit=LONG) == Heard()


def exits(speaker: Any) -> None:
    os._exit(3)


def is_killed(speaker: Any) -> None:
    speaker.answer(b"half")
    os.kill(os.getpid(), signal.SIGKILL)


def dies_in_a_line(speaker: Any) -> None:
    os.write(speaker.fd, b"=never ended")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("work", [exits, is_killed, dies_in_a_line])
def test_work_that_dies_has_no_answer(work: Any):
    assert in_time(work, limit=LONG) == Heard(remarks=("the work ended before its answer was complete",))


def recurses(speaker: Any) -> None:
    recurses(speaker)


def leaves(speaker: Any) -> None:
    sys.exit("away")


@pytest.mark.parametrize(("work", "told"), [(recurses, "RecursionError"), (leaves, "SystemExit: away")])
def test_whatever_is_raised_is_told(work: Any, told: str):
    heard = in_time(work, limit=LONG)
    assert heard.answer == b""
    assert told in heard.remarks[0]


def test_late_means_nothing_and_the_work_goes_on_for_the_next_call(tmp_path: Path):
    gate, done = tmp_path / "gate", tmp_path / "done"

    def work(speaker: Any) -> None:
        while not gate.exists():  # as long as the test wants
            time.sleep(0.01)
        assert speaker.late
        done.touch()
        speaker.answer(b"too late")

    assert in_time(work, limit=0.05) == Heard(remarks=("no answer within 0.05 s",))
    gate.touch()
    deadline = time.monotonic() + 30
    while not done.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_waits_for_the_end_of_a_stream_does_not_wait_for_late_work():
    code = (
        "import os, sys\nfrom agent_memory.bridges.watchdog import in_time\nos.dup2(1, 7)\n"
        "in_time(lambda s: os.read(0, 1), limit=0.05)\nprint('on', flush=True)\nos._exit(0)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() == b"on\n"  # to the end, while the work still waits for our stdin
        assert process.stderr.read() == b""
