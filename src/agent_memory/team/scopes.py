"""Who may read what, and who was meant; pure.

The scope of a memory is its `visibility`. `team` (the default) and `public` are open to everybody in the project; any
other word, misspelt ones included, means `private`: a slip must not open what somebody tried to restrict. A private
memory is for its owner alone, in every verb. A person at the command line who names no agent is nobody's owner and sees
what the team may see; whoever names the owner (`--as`, or `--agent` alone) reads as the owner. That is a courtesy among
colleagues, not access control: whoever can read the files can read the files.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable

from agent_memory.errors import NotFound
from agent_memory.index.postings import OPEN

_LISTED = 12


def may_read(visibility: str, owner: str, reader: str | None) -> bool:
    """Whether `reader` may be shown a memory of `owner`; None is a person who named no agent."""
    return visibility in OPEN or (reader is not None and _nfc(reader) == _nfc(owner))


def addressees(to: str | None) -> tuple[str, ...]:
    """Return the agents that a consultation is addressed to, from its `to`.

    >>> addressees("backend-architect, @client-lead")
    ('backend-architect', 'client-lead')
    """
    names = (_nfc(name.strip(" \t\r\n`@")) for name in (to or "").split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def check_known(agent: str, known: Collection[str]) -> str:
    """Return the name of an agent that is known.

    Raises:
        NotFound: It is not; says who is, and offers the nearest.
    """
    if agent in known:
        return agent
    if not known:
        raise NotFound(f"no agent {_shown(agent)}", hint="there is neither a card nor a memory of any agent yet")
    names = sorted(known)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    meant = nearest_agent(agent, names)
    raise NotFound(
        f"no agent {_shown(agent)}; there are: {', '.join(names[:_LISTED])}{more}",
        hint=f"did you mean {meant}?" if meant else "an agent has a card in .claude/agents or a folder in the store",
    )


def stranger(agent: str, known: Collection[str]) -> str:
    """Return a line that says that nobody knows an agent, and the nearest; "" for one that is known."""
    if any(_nfc(agent) == _nfc(name) for name in known):
        return ""
    if meant := nearest_agent(agent, known):
        return f"no agent {_shown(agent)}; did you mean {meant}?"
    try:
        return check_known(agent, known) and ""
    except NotFound as error:
        return error.message


def nearest_agent(name: str, known: Iterable[str]) -> str | None:
    """Return the agent that a wrong name probably means, or None.

    >>> nearest_agent("backend-architcet", ["api-engineer", "backend-architect"])
    'backend-architect'
    >>> nearest_agent("architect", ["api-engineer", "backend-architect"])
    'backend-architect'
    """
    import difflib  # noqa: PLC0415  only where a name was wrong

    folded = {_folded(agent): agent for agent in sorted(known, reverse=True)}
    wanted = _folded(name[:100])
    words = set(wanted.split("-"))
    having = [agent for fold, agent in folded.items() if wanted and words <= set(fold.split("-"))]
    if wanted in folded or having:
        return folded.get(wanted, having[0] if len(having) == 1 else None)
    near = difflib.get_close_matches(wanted, sorted(folded), n=1, cutoff=0.7)
    return folded[near[0]] if near else None


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    """Return a name as people remember it: without case, and with one kind of mark between its words."""
    return "-".join(_nfc(name).casefold().replace("_", " ").replace("-", " ").replace(".", " ").split())


def _shown(name: str) -> str:
    short = name if len(name) <= 64 else f"{name[:64]}\u2026"
    return short if short and short.isprintable() else ascii(short)
