"""Resources: every artifact that the caller may read, at `repo-harness://{slug}/{path}`."""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from functools import partial
from typing import Any, NamedTuple

import mcp_types as types
from mcp.shared.exceptions import MCPError

from rhd.access import Profile
from rhd.errors import NotFound, Refusal
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.large_lists import look_through
from rhd.mcpserver.permissions import granted_repos, readable_profiles
from rhd.mcpserver.sdk import MODERN_PROTOCOL_VERSIONS
from rhd.mcpserver.text_reads import read_text
from rhd.mcpserver.tool_context import ToolContext
from rhd.mcpserver.tools.files import redactions_json
from rhd.mcpserver.uris import SCHEME, make_uri, parse_uri
from rhd.rel_path import RelPath
from rhd.repos.registry import Repo
from rhd.workflow.artifacts import Artifact, Artifacts
from rhd.workflow.reach import may_read
from rhd.workflow.reading import TextPage, page_of
from rhd.workflow.redaction.redact import redact_path
from rhwire.escape import escape
from rhwire.times import format_ns

PAGE_RESOURCES = 200
MAX_CHARS = 512 * 1024


async def readable_artifacts(context: ToolContext, caller: Caller, repo: Repo | None) -> list[tuple[Repo, Artifact]]:
    """Return what a caller may read on an endpoint, in the order of `_place`; a broken repository is left out."""
    repos = [repo] if repo is not None else granted_repos(context, caller.principal())
    reached: list[tuple[Repo, list[str], Artifacts]] = []
    for each in repos:
        names = [profile.name for profile in readable_profiles(context, caller, each.id)]
        try:
            if names:
                reached.append((each, names, (await context.services.ready(each.id)).artifacts))
        except Refusal:
            continue

    def in_order() -> list[tuple[Repo, Artifact]]:
        found = [(each, artifact) for each, names, held in reached for artifact in held.readable_by(names)]
        return sorted(found, key=lambda pair: _place(*pair))

    return await look_through(context, caller, sum(len(held) for _, _, held in reached), in_order)


def _place(repo: Repo, artifact: Artifact) -> tuple[str, int, str]:
    """Return what resources are ordered by: newest first within each repository."""
    return repo.slug, -artifact.recency_ns, artifact.path


async def list_resources(context: ToolContext, caller: Caller, repo: Repo | None, cursor: str | None) -> dict[str, Any]:
    """Answer `resources/list`, paged.

    A page goes on behind the place where the one before ended, whether or not what stood there still does: what has
    changed meanwhile stands at the top of a fresh list, and listeners are told of it.

    Raises:
        Refusal: INVALID_CURSOR.
    """
    after = _open_cursor(cursor) if cursor is not None else None
    found = await readable_artifacts(context, caller, repo)
    start = bisect_right(found, after, key=_shown_place) if after is not None else 0
    page = found[start : start + PAGE_RESOURCES]
    answer: dict[str, Any] = {"resources": [_resource(r, a) for r, a in page]}
    if start + PAGE_RESOURCES < len(found):
        answer["nextCursor"] = json.dumps(_shown_place(page[-1]))
    return answer


def _shown_place(pair: tuple[Repo, Artifact]) -> tuple[str, int, str]:
    slug, age, path = _place(*pair)
    return slug, age, redact_path(path)


def _open_cursor(cursor: str) -> tuple[str, int, str]:
    """Return the place that a cursor names; all that a made-up one could do is begin elsewhere in one's own list."""
    try:
        slug, age, path = json.loads(cursor)
    except (ValueError, TypeError, RecursionError):
        slug, age, path = None, None, None
    if not (isinstance(slug, str) and isinstance(age, int) and isinstance(path, str)):
        raise Refusal("the cursor is not of this list", code="INVALID_CURSOR")
    return slug, age, path


def _resource(repo: Repo, artifact: Artifact) -> dict[str, Any]:
    return {
        "uri": make_uri(repo.slug, artifact.path),
        "name": redact_path(artifact.path),
        "title": artifact.title,
        "description": f"{artifact.kind} of {repo.slug}" + (f", {artifact.status}" if artifact.status else ""),
        "mimeType": _mime_type(artifact.path),
        "size": artifact.size_bytes,
        "annotations": {"lastModified": format_ns(artifact.modified_ns)},
    }


def _mime_type(path: str) -> str:
    if path.endswith(".json"):
        return "application/json"
    return "text/markdown" if path.endswith(".md") else "text/plain"


def list_templates(repo: Repo | None) -> dict[str, Any]:
    """Answer `resources/templates/list`."""
    template = f"{SCHEME}{repo.slug}/{{+path}}" if repo is not None else f"{SCHEME}{{slug}}/{{+path}}"
    return {
        "resourceTemplates": [
            {
                "uriTemplate": template,
                "name": "artifact",
                "title": "Workflow artifact",
                "description": "An artifact by its path, as list_workflow_files gives it.",
            }
        ]
    }


async def read_resource(
    context: ToolContext, caller: Caller, repo: Repo | None, uri: str, protocol_version: str
) -> dict[str, Any]:
    """Answer `resources/read`: the text, secrets replaced, at most 512 Ki characters of it; one row goes to the audit.

    Raises:
        MCPError: the resource is unknown, or not the caller's to know.
        Refusal: it is not readable: BINARY_FILE, FILE_TOO_LARGE, REPO_DETACHED and the like.
    """
    began, outcome = time.perf_counter(), "ok"
    named = _find_named(context, caller, repo, uri)
    try:
        if named is not None:
            return {"contents": [_contents(uri, named.path, await _read(context, named))]}
        outcome = "NOT_FOUND"
    except NotFound:
        outcome = "NOT_FOUND"
    except Refusal as refusal:
        outcome = refusal.code
        raise
    finally:
        context.audit.add(
            caller.identity,
            "resources/read",
            outcome,
            client=caller.label,
            repo_id=named.repo.id if named else None,
            profile=named.profile.name if named else None,
            target=escape(named.path) if named else None,
            duration_ms=(time.perf_counter() - began) * 1000,
        )
    # The 2026 revision says -32602; the handshake revisions had a code of their own.
    code = types.INVALID_PARAMS if protocol_version in MODERN_PROTOCOL_VERSIONS else -32002
    raise MCPError(code, "Resource not found", data={"uri": uri})


class _Named(NamedTuple):
    """What a URI names, and the profile through which the caller may read it."""

    repo: Repo
    path: RelPath
    profile: Profile


def _find_named(context: ToolContext, caller: Caller, repo: Repo | None, uri: str) -> _Named | None:
    """Return what a URI names, or None: it is not one of ours, or not the caller's to know."""
    parsed = parse_uri(uri)
    if parsed is None:
        return None
    slug, path = parsed
    for each in [repo] if repo is not None else granted_repos(context, caller.principal()):
        if each.slug == slug:
            for profile in readable_profiles(context, caller, each.id):
                if may_read(profile.reach, path):
                    return _Named(each, path, profile)
    return None


async def _read(context: ToolContext, named: _Named) -> TextPage:
    service = await context.services.ready(named.repo.id)
    use = partial(page_of, key=context.key, page_chars=MAX_CHARS)
    path = RelPath(service.artifacts.spelled(named.path))
    return await read_text(service, path, named.profile.reach, use)


def _contents(uri: str, path: RelPath, page: TextPage) -> dict[str, Any]:
    contents: dict[str, Any] = {"uri": uri, "mimeType": _mime_type(path), "text": page.content}
    if page.truncated or page.redactions:
        contents["_meta"] = {
            "dev.repo-harness/truncated": page.truncated,
            "dev.repo-harness/redactions": redactions_json(page.redactions),
        }
    return contents
