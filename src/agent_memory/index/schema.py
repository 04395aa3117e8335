"""The tables of the index, written once with SQLAlchemy Core; `sqlite.py` holds what only SQLite has.

Every row carries a team key, so that one database can serve several stores. All text is derived from the memory files;
dropping every table loses nothing.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

tables = MetaData()


def _team() -> Column[str]:
    return Column("team", String, nullable=False, server_default="")


def _owner() -> Column[int]:
    return Column("memory", Integer, ForeignKey("memories.number", ondelete="CASCADE"), primary_key=True)


facts = Table(
    "facts",  # one row each: the analysis version, the digest of the last listing
    tables,
    _team(),
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

entries = Table(
    "entries",  # what the folder listing saw, readable or not; the state of sync
    tables,
    _team(),
    Column("path", String, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("ctime_ns", Integer, nullable=False),
    Column("inode", Integer, nullable=False),
    Column("settled", Boolean, nullable=False),  # False: changed so recently that its times cannot be trusted yet
    Column("fingerprint", String, nullable=False),  # sha256, hex; "" where the file could not be read
)

memories = Table(
    "memories",
    tables,
    _team(),
    Column("number", Integer, primary_key=True),  # local key; never shown
    Column("path", String, nullable=False, unique=True),
    Column("id", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("name", String, nullable=False),
    Column("date", String, nullable=False),  # ISO 8601 day
    Column("date_source", String, nullable=False),
    Column("type", String, nullable=False),
    Column("description", Text, nullable=False),
    Column("status", String, nullable=False),  # as written; see `state` in sqlite.py for what holds
    Column("archived", Boolean, nullable=False),
    Column("visibility", String, nullable=False),
    Column("valid_until", String),
    Column("recipient", String),  # front matter `to`
    Column("fingerprint", String, nullable=False),
    Column("size", Integer, nullable=False),  # bytes of the file
    Column("body_start", Integer, nullable=False),  # characters before the body
    Column("tokens", Integer, nullable=False),  # stems in the body
    Column("passages", Integer, nullable=False),
    Index("memories_by_id", "id"),
    Index("memories_by_agent", "agent"),
    Index("memories_by_day", "date", "agent"),
    Index("memories_by_type", "type"),
    Index("memories_archived", "archived"),
    Index("memories_sizes", "tokens", "passages"),  # the averages of BM25, without reading the table
)

passages = Table(
    "passages",
    tables,
    _team(),
    _owner(),
    Column("position", Integer, primary_key=True),
    Column("heading", Text, nullable=False),
    Column("start", Integer, nullable=False),  # offsets into the body, in characters
    Column("end", Integer, nullable=False),
    Column("line", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
)

tags = Table(
    "tags",
    tables,
    _team(),
    _owner(),
    Column("tag", String, primary_key=True),
    Index("tags_by_tag", "tag"),
    sqlite_with_rowid=False,
)

links = Table(
    "links",  # targets as written in the body
    tables,
    _team(),
    _owner(),
    Column("target", String, primary_key=True),
    sqlite_with_rowid=False,
)

supersessions = Table(
    "supersessions",  # the memory replaces the one whose id is `old`, which may not exist
    tables,
    _team(),
    _owner(),
    Column("old", String, primary_key=True),
    Index("supersessions_by_old", "old"),
    sqlite_with_rowid=False,
)

files = Table(
    "files",  # paths a memory speaks about
    tables,
    _team(),
    _owner(),
    Column("file", String, primary_key=True),
    Column("declared", Boolean, nullable=False),  # True: front matter `files`; False: inline code in the body
    Index("files_by_file", "file"),
    sqlite_with_rowid=False,
)

vectors = Table(
    "vectors",  # of the memories that were embedded; empty where no embedder is used. See `vectors.py`
    tables,
    _team(),
    _owner(),
    Column("directions", LargeBinary, nullable=False),  # a signed byte for each dimension of each passage
)

problems = Table(
    "problems",  # what a person should know about a file
    tables,
    _team(),
    Column("path", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("line", Integer),
    Column("message", Text, nullable=False),
    Column("indexed", Boolean, nullable=False),
)
