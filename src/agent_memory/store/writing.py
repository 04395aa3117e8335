"""The verbs that write."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import date

from agent_memory.errors import Conflict, Unreadable
from agent_memory.files import naming
from agent_memory.files.folder import TRASH
from agent_memory.files.listing import ARCHIVE
from agent_memory.index import lookup
from agent_memory.model import Memory, Record
from agent_memory.store.reading import Reading
from agent_memory.team import scopes


class Writing(Reading):
    """Verbs that change files, durably, and never lose what another process wrote.

    A memory that is private to another than `agent=` cannot be changed or moved: it does not exist.
    """

    def add(
        self,
        *,
        agent: str,
        topic: str,
        body: str,
        type: str = "note",  # noqa: A002  the front matter's word
        description: str = "",
        tags: Sequence[str] = (),
        date: date | None = None,
        supersedes: Sequence[str] = (),
        files: Sequence[str] = (),
        valid_until: date | None = None,
        to: str | None = None,
        sources: Sequence[str] = (),
        visibility: str = "team",
        status: str = "active",
    ) -> Memory:
        """Write a new memory file, durably, and index it.

        When this returns, the memory survives a crash. An existing file is never overwritten: a clash of names gives
        `-2`, `-3` and so on.

        Args:
            agent: The owner; its folder is made if it is the first memory.
            topic: The title; the file name is made of it.
            body: Markdown.
            date: The day in the file name; today by default.
            supersedes: References of memories that this one replaces; they must exist.

        Raises:
            InvalidInput: A name is not usable.
            NotFound: A superseded memory does not exist.
            StorageFailed: The disk refused; nothing was written.
        """
        from agent_memory.files import format as formats  # noqa: PLC0415  pydantic and yaml: not for readers

        agent = naming.check_agent(agent)
        slug = naming.topic_slug(naming.check_topic(topic))
        day = date or self._clock().date()
        old = [self.record(reference, agent=agent).id for reference in supersedes]
        data = formats.new_file(
            agent=agent, topic=topic, body=body, day=day, type=type, description=description, tags=tuple(tags),
            supersedes=tuple(old), files=tuple(files), valid_until=valid_until, to=to, sources=tuple(sources),
            visibility=visibility, status=status,
        )  # fmt: skip
        path = self._folder.create(lambda n: f"{agent}/{naming.file_name(day, slug, n)}", data)
        return self._index.written(path, data)

    def edit(
        self,
        reference: str,
        *,
        body: str | None = None,
        changes: Mapping[str, object] | None = None,
        expected: str | None = None,
        agent: str | None = None,
    ) -> Memory:
        """Change the body or single keys of the front matter of a memory; the rest of the file stays as it is.

        Args:
            body: The new text after the front matter; None leaves it.
            changes: Front matter keys to set; a value of None removes the key.
            expected: Fingerprint of the version the caller has seen.

        Raises:
            InvalidInput: A value cannot be written, or the new topic is too long.
            Stale: The file is no longer the expected one; nothing was written.
            Unreadable: The front matter cannot be edited safely.
        """
        from agent_memory.files import format as formats  # noqa: PLC0415

        record = self.record(reference, agent=agent)
        naming.check_topic(str((changes or {}).get("name") or ""))
        self._folder.prepare()
        with self._index.mutex, self._folder.lock(timeout=self._timeout):
            current, _ = self._folder.read_known(record.path)
            data = formats.edit(record.path, current, changes=changes or {}, body=body)
            seen = expected or hashlib.sha256(current).hexdigest()
            if data != current or expected:
                self._folder.replace(record.path, data, expected=seen)
            return self._index.written(record.path, data, locked=True)

    def supersede(self, new: str, old: str, *, agent: str | None = None) -> Memory:
        """Note in the memory `new` that it replaces the memory `old`; the old file is not touched.

        Raises:
            Conflict: `old` supersedes `new`, directly or through others, or they are the same.
            Stale: Somebody edited `new` at the same moment; try again.
        """
        older = self.record(old, agent=agent)
        newer = self.record(new, agent=agent)
        if newer.id == older.id:
            raise Conflict(f"{newer.id} cannot supersede itself")
        if newer.id in self._index.read(lambda index: lookup.superseded_by(index, older.id)):
            raise Conflict(
                f"{older.id} supersedes {newer.id} already", hint="a chain of supersessions has one direction"
            )
        if older.id in newer.supersedes:
            return self.show(newer.id, agent=agent)
        links = [*newer.supersedes, older.id]
        return self.edit(newer.id, changes={"supersedes": links}, expected=newer.fingerprint, agent=agent)

    def archive(self, reference: str, *, agent: str | None = None) -> Record:
        """Move a memory to the archive, unchanged; `search(archived=True)` still finds it.

        Raises:
            Conflict: It is archived already.
        """
        record = self.record(reference, agent=agent)
        if record.path.startswith(ARCHIVE):
            raise Conflict(f"{record.id} is archived already", hint=f"bring it back with: memory restore {record.id}")
        return self._at(self._index.move(record.path, f"{ARCHIVE}/{record.path}"))

    def restore(self, reference: str, *, agent: str | None = None) -> Record:
        """Move a memory from the archive, or else from the trash, back to its agent's folder, unchanged.

        Raises:
            Conflict: It is neither archived nor in the trash.
            NotFound: There is no such memory.
        """
        wanted = naming.reference(reference, agent=agent)
        self._index.read(lambda _: None)  # an index that has to be built takes the lock that the move will hold
        for place in (ARCHIVE, TRASH):
            path = f"{wanted}.md"
            if "/" in wanted and self._may_move(f"{place}/{path}", agent):
                return self._at(self._index.move(f"{place}/{path}", path))
        record = self.record(reference, agent=agent)
        if not record.path.startswith(ARCHIVE):
            raise Conflict(f"{record.id} is not archived", hint="nothing to restore")
        return self._at(self._index.move(record.path, record.path.removeprefix(f"{ARCHIVE}/")))

    def trash(self, reference: str, *, agent: str | None = None) -> str:
        """Move a memory out of sight, unchanged; `restore` brings it back. Return its id."""
        record = self.record(reference, agent=agent)
        self._index.move(record.path, f"{TRASH}/{record.path.removeprefix(f'{ARCHIVE}/')}")
        return record.id

    def _may_move(self, path: str, agent: str | None) -> bool:
        """Whether there is a file, which the index need not know, and an agent may see it."""
        from agent_memory.files import format as formats  # noqa: PLC0415  pydantic and yaml: not for readers

        if not os.path.lexists(self._folder.locate(path)):
            return False
        try:
            data, stat = self._folder.read(path)
            memory = formats.parse(stat, data).memory
        except (FileNotFoundError, Unreadable):
            return True  # moving says what is wrong, and shows nothing
        owner = naming.agent_of(path.removeprefix(f"{TRASH}/"))
        return scopes.may_read(memory.visibility, owner, agent)
