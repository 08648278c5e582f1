"""`list_workflow_files` and `read_workflow_file`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from rhd.access import Reach
from rhd.mcpserver.large_lists import look_through
from rhd.mcpserver.text_reads import read_text
from rhd.mcpserver.tools.output_schemas import (
    ARTIFACT,
    BOOLEAN,
    CURSOR,
    INTEGER,
    LEFT_OUT,
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
from rhd.mcpserver.tools.tool_spec import ALL, Call, ToolSpec
from rhd.rel_path import RelPath
from rhd.repos.problems import left_out
from rhd.workflow.artifacts import Artifact
from rhd.workflow.kinds import KINDS
from rhd.workflow.listing import DEFAULT_LIMIT, MAX_LIMIT, list_page
from rhd.workflow.outline import Outline
from rhd.workflow.reach import may_hold, may_read
from rhd.workflow.reading import page_of
from rhd.workflow.redaction.redact import redact_path
from rhwire.times import format_ns


def artifact_json(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact as every list shows it."""
    outline = artifact.outline
    return {
        "path": redact_path(artifact.path),
        "kind": artifact.kind,
        "title": artifact.title,
        "status": outline.status,
        "size": artifact.size_bytes,
        "modified_at": format_ns(artifact.modified_ns),
        "version": artifact.version,
        "cards": cards_json(outline),
    }


def cards_json(outline: Outline) -> dict[str, Any] | None:
    """Return how far a sprint is, as every answer shows it; None for what is no sprint."""
    if outline.cards is None:
        return None
    return {"done": outline.cards[0], "total": outline.cards[1], "finished": outline.is_finished}


def redactions_json(redactions: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return what was taken out of a text, as every answer that holds one shows it."""
    return [{"type": kind, "count": count} for kind, count in redactions.items()]


def left_out_json(call: Call, prefix: str = "") -> dict[str, Any] | None:
    """Return what lists lack of the artifacts below `prefix` that the caller may see; None if they lack nothing."""
    reaches = [profile.reach for profile in call.readable]
    found = left_out(
        [
            problem
            for problem in call.service.catalog_problems
            if _may_be_below(problem.path, prefix) and any(_may_show(reach, problem.path) for reach in reaches)
        ]
    )
    for item in found["items"] if found is not None else ():
        item["path"] = redact_path(item["path"])
    return found


def _may_be_below(path: str, prefix: str) -> bool:
    """Say whether the file `path`, or something in the folder `path`, begins with `prefix`."""
    return not path or f"{path}/".startswith(prefix) or prefix.startswith(f"{path}/")


def _may_show(reach: Reach, path: str) -> bool:
    """Say whether the file `path`, or something in the folder `path`, is for readers of this reach."""
    return may_read(reach, path) or may_hold(reach, path)


async def list_workflow_files(call: Call) -> dict[str, Any]:
    """Answer `list_workflow_files`."""
    arguments = call.arguments
    prefix = arguments.get("prefix", "").replace("\\", "/").removeprefix("./").lstrip("/")
    artifacts = call.service.artifacts
    look = partial(
        list_page,
        artifacts,
        readable=[profile.name for profile in call.readable],
        kind=arguments.get("kind"),
        prefix=prefix,
        query=arguments.get("query"),
        cursor=arguments.get("cursor"),
        limit=arguments.get("limit", DEFAULT_LIMIT),
    )
    page = await look_through(call.context, call.caller, len(artifacts), look)
    return {
        "files": [artifact_json(artifact) for artifact in page.artifacts],
        "total": page.total,
        "next_cursor": page.next_cursor,
        "left_out": left_out_json(call, prefix),
    }


async def read_workflow_file(call: Call) -> dict[str, Any]:
    """Answer `read_workflow_file`."""
    path = RelPath(call.arguments["path"])
    reach, key, cursor = call.profile.reach, call.context.key, call.arguments.get("cursor")
    page = await read_text(call.service, path, reach, partial(page_of, key=key, cursor=cursor))
    return {
        "path": redact_path(path),
        "content": page.content,
        "redactions": redactions_json(page.redactions),
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
        "Use this when you need to find plans, PRDs, sprints, contracts, reviews, checks or handoffs of the "
        "repository, newest first. Without a kind, each kind has its turn on a page. Narrow the list down by kind, by "
        "the beginning of the path, or by words; total counts all pages. If left_out is not null, some files are "
        "missing from every page: it names them and says why. Then read one with read_workflow_file."
    ),
    profiles=ALL,
    input=closed(
        [],
        kind=one_of("Only artifacts of this kind.", *KINDS),
        prefix=text("Only paths that begin with this, such as plans/.", longest=1024),
        query=text("Only artifacts that have all these words in path or title.", longest=200),
        limit=whole(f"How many at most on a page (default: {DEFAULT_LIMIT}).", least=1, most=MAX_LIMIT),
        cursor=CURSOR,
    ),
    output=every(files=listed(ARTIFACT), total=INTEGER, next_cursor=maybe(STRING), left_out=LEFT_OUT),
    handler=list_workflow_files,
)

READ = ToolSpec(
    name="read_workflow_file",
    title="Read a workflow file",
    description=(
        "Use this when you need the text of one artifact, such as a plan, PRD, sprint, handoff or check. A long text "
        "comes in pages: call again with next_cursor. Secrets are replaced, and counted in redactions. revision is "
        "given with a whole, unredacted text; pass it as expected_revision to replace the artifact."
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
    paths=("path",),
    target="path",
)
