"""How a tool writes a document: once, whole, in the repository's own task."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rhd.errors import Refusal
from rhd.ids import RelPath, Revision
from rhd.mcpserver.tools.tool_spec import Call
from rhd.store.writes import WriteRow, read_repeated, read_revision, save_write
from rhd.workflow.artifact_writes import MAX_BYTES, save
from rhd.workflow.documents.names import choose_path
from rhd.workflow.revisions import revision_of
from rhd.workflow.root import Root

REPEATED_WITHIN_S = 600
"""A create that is repeated with equal arguments by the same caller within this time returns the first result."""


async def write_document(
    call: Call, tool: str, path: Callable[[], RelPath], text: str, said: dict[str, Any]
) -> dict[str, Any]:
    """Write a document and return `{"path", "revision", "created", …}`; finishes though the caller leaves.

    Args:
        tool: whose document it is: what it wrote itself and nobody changed since, it replaces without a revision.
        path: chooses where, once it is this write's turn.
        text: the document.
        said: what the result says besides.

    Raises:
        Conflict: WOULD_OVERWRITE or REVISION_CONFLICT.
        Refusal: what the path, the file system or the arguments refuse.
    """
    return await call.service.submit(partial(_write, call, tool, path, text, said))


def dated_path(call: Call, folder: str, ending: str, now: float) -> Callable[[], RelPath]:
    """Return what chooses the path of a document by its `slug` and `title`, among those that exist then.

    Raises:
        Refusal: INVALID_ARGUMENT, a revision is to be replaced, but not said of which document.
    """
    slug, title = call.arguments.get("slug"), call.arguments["title"]
    if slug is None and "expected_revision" in call.arguments:
        raise Refusal(
            "expected_revision needs the slug of the document that is replaced",
            code="INVALID_ARGUMENT",
            next_step="Pass the document's file name as slug, or leave expected_revision out to make a new one.",
        )
    return lambda: choose_path(folder, ending, slug=slug, title=title, existing=call.service.artifacts, now=now)


async def _write(call: Call, tool: str, path: Callable[[], RelPath], text: str, said: dict[str, Any]) -> dict[str, Any]:
    store, repo_id, who, key = call.context.store, call.repo.id, call.caller.id, call.context.key
    digest = hashlib.blake2b(json.dumps(call.arguments, sort_keys=True).encode(), key=key, digest_size=16).digest()
    async with call.service.creating:  # a repeated call waits for the first and then finds its result
        since = time.time() - REPEATED_WITHIN_S
        first = await store.read(lambda c: read_repeated(c, repo_id, who, tool, digest, since))
        if first is not None and await _is_unchanged(call, RelPath(first.path), first.revision):
            return dict(json.loads(first.result))
        target = path()
        ours = await store.read(lambda c: read_revision(c, repo_id, target, tool))
        expected = call.arguments.get("expected_revision")
        saved = await call.service.write(
            lambda root: save(
                root,
                target,
                call.profile.reach,
                text,
                key,
                expected=Revision(expected) if expected is not None else None,
                is_ours=lambda revision: revision == ours,
            ),
            folder=target.folder,
        )
        result = {"path": target, "revision": saved.revision, "created": saved.created, **said}
        row = WriteRow(target, tool, who, digest, saved.revision, json.dumps(result), time.time())
        await store.write(lambda c: save_write(c, repo_id, row))
        return result


async def _is_unchanged(call: Call, path: RelPath, revision: str) -> bool:
    """Say whether what a repeated call wrote is still there; if not, the call is carried out again."""

    def look(root: Root) -> bool:
        try:
            data, _ = root.read(path, call.profile.reach, MAX_BYTES)
        except Refusal:
            return False
        return revision_of(call.context.key, data) == revision

    return await call.service.read(look)
