"""What README.md tells the users of each runner to copy, so that the tests run that and not a likeness of it."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
CHAPTER = re.compile(r"^## In an agent runner\n(.*?)^## ", re.DOTALL | re.MULTILINE)
SECTION = re.compile(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FETCHES = ("uv ", "uvx ", "pip ")


def sections() -> dict[str, str]:
    """The sections of the chapter on runners, by their headings."""
    (chapter,) = CHAPTER.findall(README.read_text(encoding="utf-8"))
    return dict(SECTION.findall(chapter))


def block(section: str, language: str) -> str:
    """The one block of a section in a language, without the lines that fetch packages."""
    (found,) = (text for known, text in BLOCK.findall(sections()[section]) if known == language)
    return "".join(line for line in found.splitlines(keepends=True) if not line.startswith(FETCHES))
