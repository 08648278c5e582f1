"""Writing documents: a create that is repeated returns the first result, and a tool replaces what it wrote itself.

Both need a memory of who wrote what, and it is on disk: a client that was cut off by a restart sends its call again.
What a create is about to write is recorded before it is written. If the daemon is killed between the two, or between
the write and its own record, the repeated call finds by the file's revision whether the write was made.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from rhd.access import Reach
from rhd.errors import Refusal
from rhd.ids import Revision
from rhd.rel_path import RelPath
from rhd.store.database import Store
from rhd.store.writes import CreateRow, delete_create, read_create, read_revision, save_create, save_write
from rhd.workflow.artifact_writes import MAX_BYTES, Saved, save
from rhd.workflow.artifacts import Artifacts
from rhd.workflow.revisions import revision_of
from rhd.workflow.root import Root

T = TypeVar("T")

REPEATED_WITHIN_S = 600.0
"""A create that is repeated with equal arguments by the same caller within this time returns the first result."""


@dataclass(frozen=True, slots=True)
class DocumentWrite:
    """A document that a tool has been asked to write.

    Attributes:
        tool: its name. What a tool wrote itself, and nothing else changed since, it replaces without a revision.
        caller: the id of the caller, the same before and after a reconnect.
        by: the name of the client, for the change log.
        digest: a keyed digest of the call's arguments.
        reach: must allow reading and writing the path.
        path: chooses the path among the artifacts that exist when the write begins.
        text: the document.
        expected: the revision that is replaced, or None.
        said: what the result says besides `path`, `revision` and `created`.
    """

    tool: str
    caller: str
    by: str
    digest: bytes
    reach: Reach
    path: Callable[[Artifacts], RelPath]
    text: str
    expected: Revision | None
    said: Mapping[str, Any]


class InThread(Protocol):
    """Runs a function of the repository's Root in the owner's thread."""

    def __call__(self, function: Callable[[Root], T], /) -> Awaitable[T]:
        """Return what the function returns."""


class Creates:
    """The memory of one repository's document writes; used by its owner alone, so that one write follows the other."""

    def __init__(self, store: Store, repo_id: str, key: bytes) -> None:
        self._store = store
        self._repo_id = repo_id
        self._key = key

    async def carry_out(
        self, write: DocumentWrite, artifacts: Artifacts, in_thread: InThread
    ) -> tuple[dict[str, Any], bool]:
        """Write a document, or find that this call did so already; return the result and whether anything was written.

        Raises:
            Conflict: WOULD_OVERWRITE or REVISION_CONFLICT.
            Refusal: what the path, the file system or the database refuses.
        """
        now = time.time()
        identity = (self._repo_id, write.caller, write.tool, write.digest)
        first = await self._store.read(lambda c: read_create(c, *identity, since=now - REPEATED_WITHIN_S))
        if first is not None and await in_thread(partial(self._is_there, write, first)):
            await self._record(write, first)  # again, since the daemon may have been killed before the first time
            return _result(first), False
        path = write.path(artifacts)
        ours = await self._store.read(lambda c: read_revision(c, self._repo_id, path, write.tool))
        revision = revision_of(self._key, write.text.encode("utf-8", "surrogatepass"))
        row = CreateRow(path, revision, path not in artifacts, json.dumps(dict(write.said)), now)
        await self._store.write(lambda c: save_create(c, *identity, row))
        try:
            saved = await in_thread(partial(self._save, write, path, ours))
        except Refusal:
            self._store.write_later(lambda c: delete_create(c, *identity))
            raise
        row = row._replace(created=saved.created)
        await self._record(write, row)
        return _result(row), True

    def _save(self, write: DocumentWrite, path: RelPath, ours: str | None, root: Root) -> Saved:
        return save(
            root,
            path,
            write.reach,
            write.text,
            self._key,
            expected=write.expected,
            is_ours=lambda revision: revision == ours,
        )

    def _is_there(self, write: DocumentWrite, first: CreateRow, root: Root) -> bool:
        """Return whether what was written first is still there; if not, the call is carried out again."""
        try:
            data, _ = root.read(RelPath(first.path), write.reach, MAX_BYTES)
        except Refusal:
            return False
        return revision_of(self._key, data) == first.revision

    async def _record(self, write: DocumentWrite, row: CreateRow) -> None:
        def record(connection: Any) -> None:
            save_create(connection, self._repo_id, write.caller, write.tool, write.digest, row)
            save_write(connection, self._repo_id, row.path, write.tool, row.revision)

        await self._store.write(record)


def _result(row: CreateRow) -> dict[str, Any]:
    return {"path": row.path, "revision": row.revision, "created": row.created, **json.loads(row.said)}
