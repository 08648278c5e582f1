"""`list_workflow_files` and `read_workflow_file`."""

from __future__ import annotations

from typing import Any

from rhd.access import Reach
from rhd.endpoint.tools.shapes import (
    ARTIFACT,
    BOOLEAN,
    CURSOR,
    INTEGER,
    PATH,
    REDACTIONS,
    STRING,
    closed,
    every,
    listed,
    maybe,
    one_of,
    text,
    whole,
)
from rhd.endpoint.tools.spec import ALL, Call, ToolSpec
from rhd.ids import RelPath
from rhd.workflow.artifacts import Artifact
from rhd.workflow.kinds import KINDS
from rhd.workflow.listing import list_page
from rhd.workflow.reach import may_read
from rhd.workflow.reading import read_page
from rhwire.times import format_ns

PAGE_FILES = 100


def artifact_json(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact as every list shows it."""
    cards = None if artifact.total is None else {"done": artifact.done, "total": artifact.total}
    return {
        "path": artifact.path,
        "kind": artifact.kind,
        "title": artifact.title,
        "status": artifact.status,
        "size": artifact.size_bytes,
        "modified_at": format_ns(artifact.modified_ns),
        "version": artifact.version,
        "cards": cards,
    }


def readable(call: Call) -> list[Artifact]:
    """Return the artifacts that the caller may see, through any of its running profiles."""
    return [artifact for artifact in call.service.artifacts.all() if artifact.is_readable_by(call.reader_names)]


def reader(call: Call, path: RelPath) -> Reach:
    """Return the reach through which the caller reads `path`: the first that has it, else the acting profile's."""
    return next((p.reach for p in call.readable if may_read(p.reach, path)), call.profile.reach)


async def list_workflow_files(call: Call) -> dict[str, Any]:
    """Answer `list_workflow_files`."""
    arguments = call.arguments
    page = list_page(
        call.service.artifacts,
        readable=call.reader_names,
        kind=arguments.get("kind"),
        prefix=arguments.get("prefix"),
        query=arguments.get("query"),
        cursor=arguments.get("cursor"),
        limit=arguments.get("limit", PAGE_FILES),
    )
    return {
        "files": [artifact_json(artifact) for artifact in page.artifacts],
        "total": page.total,
        "next_cursor": page.next_cursor,
        "cursor": call.service.changes.cursor,
    }


async def read_workflow_file(call: Call) -> dict[str, Any]:
    """Answer `read_workflow_file`."""
    path = RelPath(call.arguments["path"])
    reach, key, cursor = reader(call, path), call.backend.key, call.arguments.get("cursor")
    page = await call.service.read(lambda root: read_page(root, path, reach, key, cursor=cursor))
    return {
        "path": path,
        "content": page.content,
        "redactions": [{"type": kind, "count": count} for kind, count in page.redactions.items()],
        "truncated": page.truncated,
        "next_cursor": page.next_cursor,
        "version": page.version,
        "revision": page.revision,
        "size": page.size_bytes,
        "modified_at": format_ns(page.modified_ns),
    }


LIST = ToolSpec(
    name="list_workflow_files",
    title="List workflow files",
    description=(
        "Use this when you need to find plans, PRDs, sprints, contracts, reviews, checks or handoffs. Newest first, "
        "paged; filter by kind, by the beginning of the path, or by words in path and title."
    ),
    profiles=ALL,
    input=closed(
        [],
        kind=one_of("Only artifacts of this kind.", *KINDS),
        prefix=text("Only paths that begin with this, such as plans/.", longest=1024),
        query=text("Only artifacts whose path or title has all these words.", longest=200),
        limit=whole("How many at most on a page.", least=1, most=200),
        cursor=CURSOR,
    ),
    output=every(files=listed(ARTIFACT), total=INTEGER, next_cursor=maybe(STRING), cursor=STRING),
    handler=list_workflow_files,
)

READ = ToolSpec(
    name="read_workflow_file",
    title="Read a workflow file",
    description=(
        "Use this when you need the text of one artifact. Long texts come in pages: call again with next_cursor. "
        "Secrets are replaced and counted in redactions. revision is given when the whole text was returned "
        "unchanged; pass it as expected_revision to replace the artifact."
    ),
    profiles=ALL,
    input=closed(["path"], path=PATH, cursor=CURSOR),
    output=every(
        path=STRING,
        content=STRING,
        redactions=REDACTIONS,
        truncated=BOOLEAN,
        next_cursor=maybe(STRING),
        version=STRING,
        revision=maybe(STRING),
        size=INTEGER,
        modified_at=STRING,
    ),
    handler=read_workflow_file,
    target="path",
)
