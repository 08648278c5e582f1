"""What the tools that write documents have in common: the request to the repository, and the choice of a path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from rhd.errors import Refusal
from rhd.ids import Revision
from rhd.mcpserver.tools.tool_spec import Call
from rhd.rel_path import RelPath
from rhd.repos.creates import DocumentWrite
from rhd.workflow.artifacts import Artifacts
from rhd.workflow.documents.names import choose_path


async def write_document(
    call: Call, tool: str, path: Callable[[Artifacts], RelPath], text: str, said: dict[str, Any]
) -> dict[str, Any]:
    """Write a document and return `{"path", "revision", "created", …}`; it is finished though the caller leaves.

    Args:
        call: the tool's call. A call that is repeated returns the first result.
        tool: which tool writes. What it wrote itself, and nothing changed since, it replaces without a revision.
        path: chooses the path among the artifacts that exist when the write begins.
        text: the document.
        said: what the result says besides.

    Raises:
        Conflict: WOULD_OVERWRITE or REVISION_CONFLICT.
        Refusal: what the path, the file system or the arguments refuse.
    """
    arguments = json.dumps(call.arguments, sort_keys=True).encode()
    expected = call.arguments.get("expected_revision")
    return await call.service.write_document(
        DocumentWrite(
            tool=tool,
            caller=call.caller.id,
            by=call.caller.label,
            digest=hashlib.blake2b(arguments, key=call.context.key, digest_size=16).digest(),
            reach=call.profile.reach,
            path=path,
            text=text,
            expected=Revision(expected) if expected is not None else None,
            said=said,
        )
    )


def dated_path(call: Call, folder: str, ending: str, now: float) -> Callable[[Artifacts], RelPath]:
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
    return lambda existing: choose_path(folder, ending, slug=slug, title=title, existing=existing, now=now)
