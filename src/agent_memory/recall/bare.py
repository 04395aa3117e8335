"""What a condition is, and the two that a query of bare words is made of.

They stand apart from the others so that a search for a few words need not load the whole language.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from agent_memory.index.where import STREAMS, Where

if TYPE_CHECKING:
    from agent_memory.recall.document import Document


class Clause(ABC):
    """A condition on a memory."""

    __slots__ = ()

    @abstractmethod
    def matches(self, document: Document) -> bool:
        """Whether the condition holds for `document`; the oracle of `where`."""

    @abstractmethod
    def where(self, sql: Where) -> str:
        """Return the condition as SQL; its values go into `sql.parameters`."""


class Everything(Clause):
    """Holds for every memory."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Everything()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Everything)

    def __hash__(self) -> int:
        return hash(Everything)

    def matches(self, document: Document) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def where(self, sql: Where) -> str:  # noqa: ARG002
        """Always true."""
        return "1"


class Words(Clause):
    """At least one of the tokens occurs."""

    __slots__ = ("tokens",)

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self.tokens = tokens

    def __repr__(self) -> str:
        return f"Words(tokens={self.tokens!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and other.tokens == self.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def matches(self, document: Document) -> bool:
        """Whether one of the tokens is a stem of the document."""
        return any(token in document.stream(name) for name in STREAMS for token in self.tokens)

    def where(self, sql: Where) -> str:
        """One look into the full-text table."""
        return sql.any_of(self.tokens, STREAMS)
