"""Receipts on disk: a line is whole or it is reported, and nothing that stands in the way stops the others."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_memory.errors import StorageFailed
from agent_memory.files import ledger
from agent_memory.files.folder import Folder
from agent_memory.model import Problem


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "agents-memory").mkdir()
    return Folder(tmp_path / "agents-memory")


def append(folder: Folder, *texts: str, month: str = "2026-07", shelf: str = ledger.RECEIPTS) -> None:
    for text in texts:
        ledger.append(folder, text, shelf=shelf, month=month)


def texts(folder: Folder, *, shelf: str = ledger.RECEIPTS, since: str = "") -> list[str]:
    found = list(ledger.lines(folder, shelf=shelf, since=since))
    assert not [line for line in found if isinstance(line, Problem)]
    return [line.text.decode() for line in found if isinstance(line, ledger.Line)]


def problems(folder: Folder) -> list[str]:
    return [str(line) for line in ledger.lines(folder, shelf=ledger.RECEIPTS) if isinstance(line, Problem)]


def path(folder: Folder, month: str = "2026-07") -> Path:
    return folder.root / ledger.RECEIPTS / f"{month}.jsonl"


def test_what_was_written_is_read_newest_first(folder: Folder):
    assert texts(folder) == []
    append(folder, "one", "two")
    append(folder, "old", month="2025-12")
    append(folder, "three")
    append(folder, "said", shelf=ledger.FEEDBACK)
    assert texts(folder) == ["three", "two", "one", "old"]
    assert texts(folder, since="2026-07") == ["three", "two", "one"]
    assert texts(folder, since="2026-08") == []
    assert texts(folder, shelf=ledger.FEEDBACK) == ["said"]
    assert path(folder).read_bytes() == b"one\ntwo\nthree\n"


def test_git_ignores_receipts(folder: Folder):
    append(folder, "one")
    assert "receipts/" in (folder.root / ".store" / ".gitignore").read_text().split()


def test_a_torn_last_line_spoils_only_itself(folder: Folder):
    append(folder, "one", "two")
    os.truncate(path(folder), path(folder).stat().st_size - 2)
    assert texts(folder) == ["tw", "one"]
    append(folder, "three")
    assert texts(folder) == ["three", "tw", "one"]
    append(folder, "four")
    assert path(folder).read_bytes() == b"one\ntw\nthree\nfour\n"


def test_the_number_of_a_line(folder: Folder):
    append(folder, "one", "two", "three")
    found = [line for line in ledger.lines(folder, shelf=ledger.RECEIPTS) if isinstance(line, ledger.Line)]
    assert [(line.text, ledger.number(folder, line)) for line in found] == [(b"three", 3), (b"two", 2), (b"one", 1)]


@given(content=st.lists(st.binary(max_size=40)).map(b"\n".join), block=st.integers(1, 9))
def test_reading_backwards_is_reading_forwards_turned_round(
    content: bytes, block: int, tmp_path_factory: pytest.TempPathFactory
):
    file = tmp_path_factory.mktemp("f") / "f"
    file.write_bytes(content)
    fd = os.open(file, os.O_RDONLY)
    patch = pytest.MonkeyPatch()
    patch.setattr(ledger, "_BLOCK", block)
    try:
        found = [(at, text) for at, text in ledger._backwards(fd, len(content)) if text]
    finally:
        patch.undo()
        os.close(fd)
    assert [text for _, text in reversed(found)] == [text for text in content.split(b"\n") if text]
    assert all(content[at : at + len(text)] == text for at, text in found)


def test_long_lines_and_many_lines(folder: Folder):
    append(folder, "x" * 300_000, *map(str, range(200)), "y" * 300_000)
    found = texts(folder)
    assert found == ["y" * 300_000, *map(str, reversed(range(200))), "x" * 300_000]


def test_writers_do_not_mix_their_lines(folder: Folder):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: append(folder, f"{n} " * 3000), range(80)))
    assert sorted(texts(folder)) == sorted(f"{n} " * 3000 for n in range(80))


def test_a_name_that_is_no_utf8_is_written_escaped(folder: Folder):
    append(folder, '"caf\udce9"')
    assert texts(folder) == ['"caf\\udce9"']


def test_other_files_are_left_alone(folder: Folder):
    append(folder, "one")
    for name in ("2026-07.jsonl~", "notes.txt", "2026-7.jsonl"):
        (path(folder).parent / name).write_text("rubbish\n")
    assert texts(folder) == ["one"]


def test_nothing_is_written_through_a_link_or_into_a_pipe(folder: Folder, tmp_path: Path):
    append(folder, "one")
    path(folder).unlink()
    path(folder).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageFailed, match=r"cannot write .*2026-07.jsonl"):
        append(folder, "two")
    assert not (tmp_path / "elsewhere").exists()
    path(folder).unlink()
    os.mkfifo(path(folder))
    with pytest.raises(StorageFailed):
        append(folder, "two")
    assert problems(folder) == [".store/receipts/2026-07.jsonl: receipts cannot be read: it is not a regular file"]
    path(folder).unlink()
    path(folder).mkdir()
    append(folder, "old", month="2026-06")
    with pytest.raises(StorageFailed):
        append(folder, "two")
    assert len(problems(folder)) == 1
    assert len(list(ledger.lines(folder, shelf=ledger.RECEIPTS))) == 2


def test_a_shelf_behind_a_link_is_not_followed(folder: Folder, tmp_path: Path):
    folder.prepare()
    (tmp_path / "elsewhere").mkdir()
    (folder.root / ledger.RECEIPTS).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageFailed):
        append(folder, "one")
    assert problems(folder)[0].startswith(".store/receipts: receipts cannot be read: ")
    (folder.root / ledger.RECEIPTS).unlink()
    (folder.root / ledger.RECEIPTS).write_text("a file")
    with pytest.raises(StorageFailed):
        append(folder, "one")
    assert len(problems(folder)) == 1


def test_a_full_disk_leaves_a_line_that_the_next_one_does_not_touch(folder: Folder, monkeypatch: pytest.MonkeyPatch):
    append(folder, "one")
    whole = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda fd, data: whole(fd, data[:3]))
        with pytest.raises(StorageFailed, match="a part of the line"):
            append(folder, "twenty")
    append(folder, "three")
    assert texts(folder) == ["three", "twe", "one"]
