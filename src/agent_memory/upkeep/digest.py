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

GAP = "…"
_MOST_TAGS = 24
_DECIDES = re.compile(
    r"\*\*[^*\s]+(?:[ ][^*\s]+){2,}\*\*|\b(?:decided?|decision|agreed|chosen|chose|must(?:n't| not)?|never|always|forbidden|not allowed|"
    r"instead of|replace[sd]?|supersedes?|no longer|from now on|root cause|rule|wants?|wishes|insists?|do not|don't)\b"
    r"|\b(?:решил|решили|нельзя|всегда|никогда|должн\w+)\b",
    re.IGNORECASE,
)
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
        listed: Facts of what was left out.
    """

    source: str
    text: str
    kept: tuple[Kept, ...]
    listed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A memory that is to take the place of its sources.

    Attributes:
        name: The topic; the file name is made of it.
        body: Markdown after the front matter.
        sources: The memories it is made of, oldest first.
        sections: One for each source; none where another program wrote the body.
        facts: Number of facts of the sources.
        lost: Facts of the sources that do not stand in it.
        written_by: "extract", or the program that wrote the body.
        note: Why that program's text was not taken, or "".
        replaces: Id of an older digest that this one is made instead of, or "".
    """

    name: str
    body: str
    sources: tuple[Memory, ...]
    sections: tuple[Section, ...]
    facts: int
    lost: tuple[str, ...]
    written_by: str = "extract"
    note: str = ""
    replaces: str = ""

    @property
    def retention(self) -> float:
        """Share of the sources' facts that stand in the digest."""
        return 1 - len(self.lost) / self.facts if self.facts else 1.0


def compose(memories: Sequence[Memory], *, topic: Sequence[str], ratio: float) -> Digest:
    """Make the digest of memories of one agent and one visibility.

    Args:
        topic: Words that the memories share, most telling first.
        ratio: As in `section`.
    """
    ordered = tuple(sorted(memories, key=lambda m: (m.date, m.id)))
    sections = tuple(section(memory, ratio=ratio) for memory in ordered)
    body = "\n\n".join([_preface(ordered), *(s.text for s in sections)]) + "\n"
    return measured(Digest(name=_name(ordered, topic), body=body, sources=ordered, sections=sections, facts=0, lost=()))


def measured(made: Digest) -> Digest:
    """Return the digest with the facts that stand in it counted."""
    wanted = dict.fromkeys(fact for memory in made.sources for fact in facts_of(memory))
    _, lost = words.standing(wanted, f"{made.name}\n{_description(made.sources)}\n{made.body}")
    return replace(made, facts=len(wanted), lost=tuple(lost))


def facts_of(memory: Memory) -> tuple[str, ...]:
    """Return the facts of a memory: of its topic, its description and its body."""
    return words.facts(f"{memory.name}\n\n{memory.description}\n\n{memory.body}")


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
    return naming.topic_slug(f"digest {made.name}")


def _preface(sources: Sequence[Memory]) -> str:
    what = "one note" if len(sources) == 1 else f"{len(sources)} notes"
    return f"Extracts of {what}. In full: `memory show SOURCE`."


def _name(sources: Sequence[Memory], topic: Sequence[str]) -> str:
    if len(sources) == 1:
        return _one_line(sources[0].name)
    first, last = sources[0].date, sources[-1].date
    span = f"{first:%B %Y}" if (first.year, first.month) == (last.year, last.month) else f"{first:%B %Y} to {last:%B %Y}"
    return f"{', '.join(topic)}: notes of {span}" if topic else f"Notes of {span}"


def _description(sources: Sequence[Memory]) -> str:
    return "; ".join(dict.fromkeys(_one_line(memory.name) for memory in sources)) if len(sources) > 1 else sources[0].description


def section(memory: Memory, *, ratio: float) -> Section:
    """Extract one source.

    Args:
        ratio: Share of its text that the extract should have at most; decisions are kept even above it.
    """
    found = [unit for unit in units(memory.body) if not _repeats_title(unit, memory.name)]
    chosen = _chosen(found, int(len(memory.body.encode("utf-8", "surrogatepass")) * ratio))
    small = len(memory.body) < _SMALL
    body = _written(found, chosen, headings=not small)
    lead = f"From [[{_link(memory.id)}]]"
    lead += f" ({memory.type})" if memory.type != "note" else ""
    lead += f": {_one_line(memory.description)}" if memory.description else ""
    _, lost = words.standing(facts_of(memory), f"{memory.name}\n{lead}\n{body}")
    listed = tuple(_with_unit(fact, memory.body) for fact in lost)
    also = f"\n\nAlso: {', '.join(map(_shown, listed))}" if listed else ""
    if len(body) + len(also) >= 0.9 * len(memory.body.strip()):
        body, also, listed, chosen = _whole(memory), "", (), set(range(len(found)))
    text = f"## {_one_line(memory.name)}\n\n{lead}\n\n{body}".rstrip() + also
    kept = tuple(Kept(text=found[i].text, source=memory.id, line=found[i].line) for i in sorted(chosen))
    return Section(source=memory.id, text=text, kept=kept, listed=listed)


def _chosen(found: Sequence[Unit], room: int) -> set[int]:
    """Choose what is kept: what decides, then what says most in the fewest bytes, as long as there is room."""
    chosen = {i for i, unit in enumerate(found) if unit.kind != "heading" and _DECIDES.search(unit.text)}
    first = next((i for i, unit in enumerate(found) if unit.kind in ("sentence", "item")), None)
    if first is not None:
        chosen.add(first)
    used = sum(_bytes(found[i]) for i in chosen)
    known = {fact for i in chosen for fact in words.facts(found[i].text)}
    new = {i: set(words.facts(unit.text)) - known for i, unit in enumerate(found) if unit.kind != "heading" and i not in chosen}
    order = sorted(new, key=lambda i: (-_density(found[i], new[i]), i))
    for i in order:
        fresh = new[i] - known
        if not fresh or used + _bytes(found[i]) > room:
            continue
        chosen.add(i)
        used += _bytes(found[i])
        known |= fresh
    return chosen


def _density(unit: Unit, new: set[str]) -> float:
    return sum(len(fact) + 4 for fact in new) / (len(unit.text) + 8)


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


def _with_unit(fact: str, text: str) -> str:
    """Return a bare number with the word behind it, so that it says what it counts."""
    if fact[0].isdigit() and (found := re.search(rf"(?<![\w.,:]){re.escape(fact)}[ \u00a0]([^\W\d_]{{1,14}}|%|°[CF]?)", text)) and found[1].lower() not in STOP_WORDS:
        return f"{fact} {found[1]}"
    return fact


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
    if words.is_fact(fact) and " " not in fact or fact[0].isdigit() and words.is_fact(fact.partition(" ")[0]):
        return fact
    return f"`{fact}`" if "`" not in fact else f"``{fact}``"
