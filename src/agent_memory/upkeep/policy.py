"""What compaction may do: ages, sizes, what is never touched. Every setting has a default; no file is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent_memory.errors import InvalidInput
from agent_memory.files import front_matter

CONFIG = ".store/config.yaml"
"""Where a store keeps its settings, relative to its root."""
KEY = "compaction"
"""The key in that file."""

Days = Annotated[int, Field(ge=0, le=36_500)]
Share = Annotated[float, Field(ge=0, le=1)]
Tokens = Annotated[int, Field(ge=0, le=100_000_000)]
Words = Annotated[tuple[str, ...], Field(max_length=256)]


class Policy(BaseModel):
    """The settings of a compaction.

    Attributes:
        budget: Tokens an agent's folder should have at most; its oldest notes go into digests until it does.
        keep_types: Types of memories that are never moved.
        keep_tags: Tags of memories that are never moved.
        duplicate_overlap: Share of common four-word runs from which two memories are near duplicates.
        superseded_after: Days after its successor was written until a superseded memory is moved.
        expired_after: Days after its `valid_until` until a memory is moved.
        answered_after: Days after the answer until an answered question is moved.
        noise_after: Age in days from which a status note without lasting value is moved.
        noise_tokens: Size of the largest such note.
        digest_after: Age in days from which a memory may go into a digest.
        digest_sources: Memories in one digest at most.
        digest_span: Days between its oldest and its newest source at most.
        digest_tokens: Size of a digest at most, unless its one source is larger.
        digest_ratio: Share of a source's text up to which its extract is filled; decisions stand in it above that.
        retention: Share of the sources' facts that must stand in a digest; below it the digest is not made.
        saving: Share of the sources' size that a digest must save.
        archive_share: Share of an agent's active text that may leave its folder in one run without being forced.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: Tokens = 4000
    keep_types: Words = ("convention", "preference")
    keep_tags: Words = ("keep",)
    duplicate_overlap: Annotated[float, Field(ge=0.5, le=1)] = 0.85
    superseded_after: Days = 14
    expired_after: Days = 7
    answered_after: Days = 30
    noise_after: Days = 30
    noise_tokens: Tokens = 150
    digest_after: Days = 30
    digest_sources: Annotated[int, Field(ge=1, le=50)] = 8
    digest_span: Days = 183
    digest_tokens: Annotated[int, Field(ge=200, le=20_000)] = 1200
    digest_ratio: Annotated[float, Field(ge=0.0, le=0.9)] = 0.12
    retention: Share = 0.95
    saving: Share = 0.15
    archive_share: Share = 0.6


def read_policy(text: str, name: str) -> Policy:
    """Read the policy from the text of a store's settings; what they do not set has its default.

    Args:
        name: Names the file in errors.

    Raises:
        InvalidInput: It is no YAML mapping, or a setting is unknown or out of its range; names it.
    """
    try:
        values = front_matter.load(text) if text.strip() else {}
    except front_matter.BadYaml as error:
        raise InvalidInput(f"{name}:{max(error.line, 0) + 1}: {error}", hint="see: docs/compaction.md") from None
    if values is None:
        raise InvalidInput(f"{name}: it holds no settings", hint=f"write a key {KEY}: and settings below it")
    given = values.get(KEY) or {}
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{name}: {KEY} holds no settings", hint="see: docs/compaction.md")
    return checked({str(key): value for key, value in given.items()}, name)


def checked(given: Mapping[str, Any], name: str) -> Policy:
    """Return the policy that some settings make.

    Raises:
        InvalidInput: A setting is unknown or out of its range; names it.
    """
    try:
        return Policy.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        known = ", ".join(Policy.model_fields)
        if first["type"] == "extra_forbidden":
            raise InvalidInput(f"{name}: no setting {key!r}", hint=f"there are: {known}") from None
        message = first["msg"][:1].lower() + first["msg"][1:]
        raise InvalidInput(f"{name}: {key}: {message}", hint="see: docs/compaction.md") from None
