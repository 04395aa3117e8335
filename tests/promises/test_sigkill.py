"""Promise 1 again, with nothing arranged: a writing process is killed at random moments."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from tests.promises.support import Child, assert_true_to_files, clock, memory_files

from agent_memory.store import MemoryStore

ROUNDS, ROUNDS_OF_A_CAMPAIGN, ROUNDS_OF_A_STORE = 10, 200, 20


def numbered(count: int) -> str:
    """A body that shows whether it is whole: lines with the numbers from 1 on."""
    return "".join(f"line {n}\n" for n in range(1, count + 1))


def lines_in(data: bytes) -> int:
    """How many lines a whole file has; fails for one that is not whole."""
    text = data.decode()
    body = text[text.index("line 1\n") :]
    count = body.count("\n")
    assert body == numbered(count)
    return count


def write_until_killed(root: Path, rng: random.Random, telling: int) -> None:
    """Change the store and tell before and after each verb what it is and what it acknowledged."""

    def tell(**what: object) -> None:
        os.write(telling, json.dumps(what).encode() + b"\n")

    with MemoryStore.open(root, clock=clock) as store:
        while True:
            known = store.list(archived=True)
            verb = rng.choice(["add", "add", "edit", "edit", "archive", "restore"]) if known else "add"
            if verb == "add":
                lines = rng.choice([1, 10, 100, 20_000])
                tell(verb=verb, lines=lines)
                memory = store.add(
                    agent=rng.choice(["api", "web"]), topic=f"Topic {rng.randrange(9)}", body=numbered(lines)
                )
                tell(done=verb, id=memory.id, path=memory.path, fingerprint=memory.fingerprint, lines=lines)
                continue
            chosen = rng.choice(known)
            if verb == "edit":
                memory = store.show(chosen.id)
                lines = memory.body.count("\n") + 1
                tell(verb=verb, id=memory.id, lines=lines)
                memory = store.edit(memory.id, body=numbered(lines), expected=memory.fingerprint)
                tell(done=verb, id=memory.id, path=memory.path, fingerprint=memory.fingerprint, lines=lines)
            elif (verb == "archive") != (chosen.status == "archived"):
                tell(verb=verb, id=chosen.id)
                record = store.archive(chosen.id) if verb == "archive" else store.restore(chosen.id)
                tell(done=verb, id=record.id, path=record.path, fingerprint=record.fingerprint)


def one_round(root: Path, rng: random.Random, known: dict[str, dict[str, Any]]) -> int:
    """Let a process write, kill it, and compare the store with what was acknowledged; returns the number of verbs."""
    reading, telling = os.pipe()
    seed = rng.randrange(1 << 30)
    child = Child(lambda: write_until_killed(root, random.Random(seed), telling))
    os.close(telling)
    first = os.read(reading, 1)  # it is at work
    time.sleep(rng.uniform(0.0, 0.12))
    child.kill()
    child.wait()
    told = first
    while chunk := os.read(reading, 1 << 16):
        told += chunk
    os.close(reading)
    messages = [json.loads(line) for line in told.splitlines()]
    done = [message for message in messages if "done" in message]
    for message in done:
        known[message["id"]] = {**known.get(message["id"], {}), **message}
    pending = messages[-1] if "done" not in messages[-1] else {}
    compare(root, known, pending)
    return len(done)


def compare(root: Path, known: dict[str, dict[str, Any]], pending: dict[str, Any]) -> None:
    """Every acknowledged memory is there once and whole; of the pending verb nothing or everything is."""
    with MemoryStore.open(root, clock=clock) as store:
        assert_true_to_files(store)
        records = {record.id: record for record in store.list(archived=True)}
        assert len(records) == len(store.list(archived=True))
    files = memory_files(root)
    for id_, record in records.items():
        data = files[record.path]
        lines = lines_in(data)
        now = {"id": id_, "path": record.path, "fingerprint": hashlib.sha256(data).hexdigest(), "lines": lines}
        said = known.get(id_)
        if said is None:
            assert (pending.get("verb"), pending.get("lines")) == ("add", lines), f"nobody added {id_}"
        elif pending.get("id") == id_:
            assert lines in {said["lines"], pending.get("lines", said["lines"])}
            assert pending["verb"] == "edit" or now["fingerprint"] == said["fingerprint"]
            assert pending["verb"] != "edit" or now["path"] == said["path"]
        else:
            assert {key: said[key] for key in now} == now
        known[id_] = now
    assert set(known) == set(records)


def rounds(folder: Path, number: int, seed: int) -> int:
    """Play rounds on a few stores, one after the other."""
    rng = random.Random(seed)
    root, known, verbs = folder, dict[str, dict[str, Any]](), 0
    for k in range(number):
        if k % ROUNDS_OF_A_STORE == 0:
            root, known = folder / f"store-{k}", dict[str, dict[str, Any]]()
            MemoryStore.init(root, clock=clock).close()
        try:
            verbs += one_round(root, rng, known)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, round {k}: {error}") from error
    return verbs


def test_what_a_killed_writer_acknowledged_is_there_once_and_whole(tmp_path: Path):
    """After each kill every acknowledged memory is there once and whole, and the index equals a rebuild."""
    assert rounds(tmp_path, ROUNDS, random.SystemRandom().randrange(1 << 30)) > 0


@pytest.mark.campaign
def test_two_hundred_killed_writers(tmp_path: Path):
    """The same, two hundred times."""
    started = time.monotonic()
    verbs = rounds(tmp_path, ROUNDS_OF_A_CAMPAIGN, random.SystemRandom().randrange(1 << 30))
    print(f"{ROUNDS_OF_A_CAMPAIGN} rounds, {verbs} acknowledged verbs, {time.monotonic() - started:.0f} s")
