"""An answer in time or none: a child process does the work, so that whatever becomes of it, the caller goes on."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

LONGEST = 600
"""Seconds after which a child that was late ends for good; until then it may finish what helps the next call."""

_MOST_OPEN = 256  # descriptors of a small process lie below

_ANSWER, _REMARK, _PLACE, _END = b"=", b"!", b"@", b"."  # how the lines of a child begin


class Heard(NamedTuple):
    """What came of the work.

    Attributes:
        answer: One line without its end; b"" where there is none.
        remarks: What went wrong, a line each.
        place: What the child said that it was working on, or "".
    """

    answer: bytes = b""
    remarks: tuple[str, ...] = ()
    place: str = ""


class Speaker:
    """The child's way to say something; each call is one line on its way at once.

    Args:
        fd: Where it is written to.
        until: When nobody listens any more, by the monotonic clock.
    """

    def __init__(self, fd: int, *, until: float) -> None:
        self.fd = fd
        self._until = until

    @property
    def late(self) -> bool:
        """Whether nobody listens any more."""
        return time.monotonic() >= self._until

    def answer(self, line: bytes) -> None:
        """Give the answer; it must not hold a line end."""
        self._say(_ANSWER, line)

    def remark(self, text: str) -> None:
        """Say what went wrong."""
        self._say(_REMARK, " ".join(text.split()).encode("utf-8", "backslashreplace"))

    def place(self, text: str) -> None:
        """Say what is being worked on."""
        self._say(_PLACE, os.fsencode(text).replace(b"\n", b" "))

    def _say(self, mark: bytes, text: bytes) -> None:
        data = memoryview(mark + text + b"\n")
        while data:
            data = data[os.write(self.fd, data) :]


def in_time(work: Callable[[Speaker], None], *, limit: float) -> Heard:
    """Let a child do the work, and return what it said; after `limit` seconds that is nothing.

    A child that is late goes on without a listener, so that an index it is building is there for the next call. It has
    none of the caller's open files but stdin.
    """
    until = time.monotonic() + limit
    reader, writer = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        return Heard(remarks=(f"cannot start a process: {error.strerror}",))
    if child == 0:
        os.close(reader)
        _work(work, Speaker(writer, until=until))
    os.close(writer)
    try:
        said, late = _listen(reader, until)
    finally:
        os.close(reader)
    lines = said.split(b"\n")[:-1]  # what has no end is not whole
    remarks = tuple(line[1:].decode("utf-8", "replace") for line in lines if line[:1] == _REMARK)
    place = next((os.fsdecode(line[1:]) for line in lines if line[:1] == _PLACE), "")
    if late:
        return Heard(remarks=(*remarks, f"no answer within {limit:g} s"), place=place)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
    if not lines or lines[-1] != _END:
        return Heard(remarks=(*remarks, "the work ended before its answer was complete"), place=place)
    return Heard(next((line[1:] for line in lines if line[:1] == _ANSWER), b""), remarks, place)


def _work(work: Callable[[Speaker], None], speaker: Speaker) -> NoReturn:
    """Be the child: work, and end without going back to what the parent was doing."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LONGEST)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.closerange(3, fd := speaker.fd)  # whatever the runner left open in us: it may wait for its end
        os.closerange(fd + 1, _MOST_OPEN)
        try:
            work(speaker)
        except BaseException as error:  # noqa: BLE001  it is told, and nothing else is left to do
            speaker.remark(f"{type(error).__name__}: {error}")
        speaker._say(_END, b"")  # noqa: SLF001
    finally:
        os._exit(0)


def _listen(reader: int, until: float) -> tuple[bytes, bool]:
    """Return what was said until the child ended or time was up, and whether it was late."""
    said: list[bytes] = []
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if not poll.poll(left * 1000):
            break
        if not (data := os.read(reader, 1 << 16)):
            return b"".join(said), False
        said.append(data)
    return b"".join(said), True
