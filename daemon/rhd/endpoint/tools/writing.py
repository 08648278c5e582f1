"""How a tool writes a document: once, whole, in the repository's own task."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rhd.endpoint.tools.spec import Call
from rhd.errors import Refusal
from rhd.ids import RelPath, Revision
from rhd.store.writes import WriteRow, read_repeated, read_revision, save_write
from rhd.workflow.reading import read_page
from rhd.workflow.root import Root
from rhd.workflow.writing import save

REPEATED_WITHIN_S = 600
"""A create that is repeated with equal arguments by the same caller within this time returns the first result."""


async def write_document(
    call: Call, tool: str, path: Callable[[], RelPath], render: Callable[[RelPath], tuple[str, dict[str, Any]]]
) -> dict[str, Any]:
    """Write a document and return `{"path", "revision", "created", …}`; finishes though the caller leaves.

    Args:
        tool: whose document it is: what it wrote itself and nobody changed since, it replaces without a revision.
        path: chooses where, once it is this write's turn.
        render: returns the text and what the result says beside path, revision and created.

    Raises:
        Conflict: WOULD_OVERWRITE or REVISION_CONFLICT.
        Refusal: what the path, the file system or the arguments refuse.
    """
    return await call.service.submit(partial(_write, call, tool, path, render))


async def _write(
    call: Call, tool: str, path: Callable[[], RelPath], render: Callable[[RelPath], tuple[str, dict[str, Any]]]
) -> dict[str, Any]:
    store, repo_id, key = call.backend.store, call.repo.id, call.backend.key
    digest = hashlib.blake2b(json.dumps(call.arguments, sort_keys=True).encode(), key=key, digest_size=16).digest()
    async with call.service.creating:  # a repeated call waits for the first and then finds its result
        since = time.time() - REPEATED_WITHIN_S
        first = await store.read(lambda c: read_repeated(c, repo_id, call.caller.id, tool, digest, since))
        if first is not None and await _is_unchanged(call, RelPath(first.path), first.revision):
            return dict(json.loads(first.result))
        target = path()
        text, said = render(target)
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
        row = WriteRow(target, tool, call.caller.id, digest, saved.revision, json.dumps(result), time.time())
        await store.write(lambda c: save_write(c, repo_id, row))
        return result


async def _is_unchanged(call: Call, path: RelPath, revision: str) -> bool:
    """Say whether what a repeated call wrote is still there; if not, the call is carried out again."""

    def look(root: Root) -> bool:
        try:
            return read_page(root, path, call.profile.reach, call.backend.key).revision == revision
        except Refusal:
            return False

    return await call.service.read(look)
