"""One memory in the place of several old ones: an extract that keeps what a later reader looks for, word for word.

Pure. Nothing is put in other words: a digest has a section for each source, and under its heading pieces of that source
as they were written, `…` where something was left out. What was left out lies in the archive, where the section points.

- Kept: sentences that decide (decided, must, never, instead of, bold), and those that say much in few words.
- Listed: identifiers, paths, numbers and quoted strings of what was left out, after "Also:".
- Measured: the share of the sources' facts that stand in the digest; see `facts`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent_memory.files import format as formats
from agent_memory.files import naming
from agent_memory.index.analysis import STOP_WORDS
from agent_memory.model import Memory
from agent_memory.upkeep import facts as words
from agent_memory.upkeep.units import Unit, units

_SMALL = 1500
"""Characters of a source below which its own headings are not repeated."""

_WHOLE = 0.9
"""Share of a source from which an extract is no gain: the source is taken over as it is."""

GAP = "…"
_SPAN = ": notes of "
_MOST_TAGS = 24
_DECISIVE = frozenset(
    "decide decided decision agreed chosen chose must mustn never always forbidden replace replaces replaced "
    "supersedes rule want wants wish wishes insist insists "
    "решил решили нельзя всегда никогда должен должна должны".split()
)
_PHRASES = ("instead of", "no longer", "from now on", "root cause", "not allowed", "do not", "don't")
_BOLD = re.compile(r"\*\*[^*\s]+(?:[ ][^*\s]+){2,}\*\*")
_LETTERS = re.compile(r"[^\W\d_]+")
_UNIT = re.compile(r"(?<![\w.,:])(\d[\w.,:]*?)[ \u00a0]([^\W\d_]{1,14}|%|°[CF]?)")
_NO_UNITS = STOP_WORDS | frozenset("has does says its his was".split())
_LINE = re.compile(r"\s*\n\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One piece of a source that stands in a digest.

    Attributes:
        source: Id of the memory it is taken from.
        line: Its line in the body of that memory, from 1.
    """

    text: str
    source: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What a digest says of one source.

    Attributes:
        text: Markdown, with its heading.
        kept: The pieces that were taken over word for word.
        facts: All facts of the source.
        listed: Facts of what was left out.
    """

    source: str
    text: str
    kept: tuple[Kept, ...]
    facts: tuple[str, ...]
    listed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A memory that is to take the place of its sources.

    Attributes:
        name: The topic; the file name is made of it.
        body: Markdown after the front matter.
        sources: The memories it is made of, oldest first.
        sections: One for each source; none where another program wrote the body.
        facts: Of the sources.
        lost: Facts of the sources that do not stand in it.
        written_by: "extract", or the program that wrote the body.
        note: Why that program's text was not taken, or "".
        replaces: Id of an older digest that this one is made instead of, or "".
    """

    name: str
    body: str
    sources: tuple[Memory, ...]
    sections: tuple[Section, ...]
    facts: tuple[str, ...]
    lost: tuple[str, ...] = ()
    written_by: str = "extract"
    note: str = ""
    replaces: str = ""

    @property
    def retention(self) -> float:
        """Share of the sources' facts that stand in the digest."""
        return 1 - len(self.lost) / len(self.facts) if self.facts else 1.0


def compose(memories: Sequence[Memory], sections: Sequence[Section], *, topic: Sequence[str]) -> Digest:
    """Make the digest of memories of one agent and one visibility.

    Args:
        sections: What it says of each of them.
        topic: Words that the memories share, most telling first.
    """
    ordered = tuple(sorted(memories, key=lambda m: (m.date, m.id)))
    by_source = {said.source: said for said in sections}
    sections = tuple(by_source[memory.id] for memory in ordered)
    body = "\n\n".join([_preface(ordered), *(said.text for said in sections)]) + "\n"
    facts = tuple(dict.fromkeys(fact for said in sections for fact in said.facts))
    return measured(Digest(name=_name(ordered, topic), body=body, sources=ordered, sections=sections, facts=facts))


def measured(made: Digest) -> Digest:
    """Return the digest with the facts counted that do not stand in it."""
    lost = words.lost(made.facts, f"{made.name}\n{_description(made.sources)}\n{made.body}")
    return replace(made, lost=tuple(lost))


def facts_of(memory: Memory) -> tuple[str, ...]:
    """Return the facts of a memory: of its topic, its description and its body."""
    return words.facts(f"{memory.name}\n\n{memory.description}\n\n{memory.body}")


def unnamed(memory: Memory) -> Memory:
    """Return a memory without the topic that only the name of its file gives it."""
    words = naming.words_of(memory.id.rpartition("/")[2])
    return memory._replace(name="") if memory.name == words else memory


def file_of(made: Digest) -> bytes:
    """Return the file of a digest; it has the date of its newest source, and what the sources supersede."""
    own = {memory.id for memory in made.sources}
    old = dict.fromkeys(id_ for memory in made.sources for id_ in memory.supersedes if id_ not in own)
    old |= {made.replaces: None} if made.replaces else {}
    newest = made.sources[-1]
    return formats.new_file(
        agent=newest.agent, topic=made.name, body=made.body, day=newest.date, type="digest",
        description=_description(made.sources),
        tags=tuple(dict.fromkeys(tag for memory in made.sources for tag in memory.tags))[:_MOST_TAGS],
        supersedes=tuple(old), files=tuple(dict.fromkeys(f for memory in made.sources for f in memory.files)),
        sources=tuple(memory.id for memory in made.sources), visibility=newest.visibility,
    )  # fmt: skip


def slug(made: Digest) -> str:
    """Return the part of the file name that is made of the topic."""
    return naming.topic_slug(f"digest {made.name.partition(_SPAN)[0]}")


def _preface(sources: Sequence[Memory]) -> str:
    what = "one note" if len(sources) == 1 else f"{len(sources)} notes"
    return f"Extracts of {what}. In full: `memory show SOURCE`."


def _name(sources: Sequence[Memory], topic: Sequence[str]) -> str:
    if len(sources) == 1:
        return _one_line(sources[0].name)
    first, last = sources[0].date, sources[-1].date
    span = (
        f"{first:%B %Y}" if (first.year, first.month) == (last.year, last.month) else f"{first:%B %Y} to {last:%B %Y}"
    )
    return f"{', '.join(topic)}{_SPAN}{span}" if topic else f"Notes of {span}"


def _description(sources: Sequence[Memory]) -> str:
    return (
        "; ".join(dict.fromkeys(_one_line(memory.name) for memory in sources))
        if len(sources) > 1
        else sources[0].description
    )


def section(memory: Memory, *, ratio: float) -> Section:
    """Extract one source.

    Args:
        ratio: Share of its text up to which the extract is filled; decisions stand in it above that.
    """
    found = [unit for unit in units(memory.body) if not _repeats_title(unit, memory.name)]
    told = [set(words.facts(unit.text)) for unit in found]
    chosen = _chosen(found, told, int(len(memory.body.encode("utf-8", "surrogatepass")) * ratio))
    body = _written(found, chosen, headings=len(memory.body) >= _SMALL)
    lead = f"From [[{_link(memory.id)}]]"
    lead += f" ({memory.type})" if memory.type != "note" else ""
    lead += f": {_one_line(memory.description)}" if memory.description else ""
    head = f"{_one_line(memory.name)}\n\n{lead}"
    known = set(words.facts(head)).union(*(told[i] for i in chosen))
    told_by = facts_of(memory)
    lost = words.lost(told_by, f"{head}\n{body}", known)
    listed = _with_units(lost, memory.body)
    also = f"\n\nAlso: {', '.join(map(_shown, listed))}" if listed else ""
    if len(body) + len(also) >= _WHOLE * len(memory.body.strip()):
        body, also, listed, chosen = _whole(memory), "", (), set(range(len(found)))
    text = f"## {head}\n\n{body}".rstrip() + also
    kept = tuple(Kept(text=found[i].text, source=memory.id, line=found[i].line) for i in sorted(chosen))
    return Section(source=memory.id, text=text, kept=kept, facts=told_by, listed=listed)


def decides(text: str) -> bool:
    """Whether a piece of text says what was decided, wished or forbidden, by its words, or is stressed as a sentence.

    >>> decides("We agreed on five attempts."), decides("Five attempts were made.")
    (True, False)
    """
    folded = text.lower()
    if not _DECISIVE.isdisjoint(_LETTERS.findall(folded)) or any(phrase in folded for phrase in _PHRASES):
        return True
    return "**" in text and bool(_BOLD.search(text))


def _chosen(found: Sequence[Unit], told: Sequence[set[str]], room: int) -> set[int]:
    """Choose what is kept: what decides, then what says most for its price, as long as there is room.

    The price of a unit is what it is longer than the list of its facts, which would stand there in its place.
    """
    said = [i for i, unit in enumerate(found) if unit.kind != "heading"]
    chosen = {i for i in said if decides(found[i].text)}
    chosen |= set(next(([i] for i in said if found[i].kind in ("sentence", "item")), []))
    known: set[str] = set().union(*(told[i] for i in chosen)) if chosen else set()
    room -= sum(_price(found[i], told[i]) for i in chosen)
    price = {i: _price(found[i], told[i] - known) for i in said if i not in chosen}
    for i in sorted(price, key=lambda i: (price[i] / (_bytes(found[i]) or 1), i)):
        cost = _price(found[i], told[i] - known)
        if told[i] <= known or cost > room:
            continue
        chosen.add(i)
        room -= max(cost, 0)
        known |= told[i]
    return chosen


def _price(unit: Unit, new: set[str]) -> int:
    return _bytes(unit) - sum(len(fact.encode("utf-8", "surrogatepass")) + 3 for fact in new)


def _bytes(unit: Unit) -> int:
    return len(unit.text.encode("utf-8", "surrogatepass")) + 1


def _whole(memory: Memory) -> str:
    """Return the body of a source without its title, headings one level deeper than the section's."""
    lines = memory.body.replace("\r\n", "\n").strip().split("\n")
    if lines and re.fullmatch(r"#\s+.*", lines[0]):
        lines = lines[1:]
    fenced = False
    out = []
    for line in lines:
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        out.append(re.sub(r"^#{1,6}(?=\s)", "###", line) if not fenced else line)
    return "\n".join(out).strip()


def _with_units(lost: Sequence[str], text: str) -> tuple[str, ...]:
    """Return facts, bare numbers with the word behind them, so that they say what they count."""
    if not any(fact[0].isdigit() for fact in lost):
        return tuple(lost)
    behind: dict[str, str] = {}
    for number, word in _UNIT.findall(text):
        if word.lower() not in _NO_UNITS and (len(word) < 4 or word.endswith("s")):
            behind.setdefault(number, word)
    units_told = {behind[fact] for fact in lost if fact in behind}
    return tuple(f"{fact} {behind[fact]}" if fact in behind else fact for fact in lost if fact not in units_told)


def _written(found: Sequence[Unit], chosen: set[int], *, headings: bool) -> str:
    """Write the chosen units, with the headings above them and a mark where something was left out."""
    blocks: list[str] = []
    pending: list[Unit] = []
    at = 0
    while at < len(found):
        unit = found[at]
        end = at + 1
        while end < len(found) and found[end].block == unit.block:
            end += 1
        if unit.kind == "heading":
            pending = [h for h in pending if h.level < unit.level] + [unit]
        elif any(i in chosen for i in range(at, end)):
            blocks += [f"### {heading.text}" for heading in pending[-1:] if headings]
            pending = []
            blocks.append(_block(found, at, end, chosen))
        at = end
    return "\n\n".join(blocks)


def _block(found: Sequence[Unit], start: int, end: int, chosen: set[int]) -> str:
    """Write what is kept of one paragraph, list, table or piece of code."""
    kind = found[start].kind
    if kind == "row":
        head = [i for i in range(start, min(start + 2, end)) if end - start > 2]
        return "\n".join(found[i].text for i in range(start, end) if i in chosen or i in head)
    if kind != "sentence":
        return "\n".join(found[i].text for i in range(start, end) if i in chosen)
    parts: list[str] = []
    skipped = False
    for i in range(start, end):
        if i in chosen:
            parts += [GAP] if skipped and parts else []
            parts.append(_LINE.sub(" ", found[i].text))
        skipped = i not in chosen
    return " ".join(parts)


def _repeats_title(unit: Unit, title: str) -> bool:
    return unit.kind == "heading" and _one_line(unit.text) == _one_line(title)


def _link(id_: str) -> str:
    """Return what a link from a memory of the same agent says; one in a folder below needs its whole id."""
    stem = id_.partition("/")[2]
    return id_ if "/" in stem else stem


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shown(fact: str) -> str:
    """Return a fact as it is listed: in code where it would not be known as a fact by its form alone."""
    if words.is_fact(fact) and (" " not in fact or fact[0].isdigit()):
        return fact
    return f"`{fact}`" if "`" not in fact else f"``{fact}``"
