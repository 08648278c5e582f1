"""Resources: every artifact that the caller may read, at `repo-harness://{slug}/{path}`."""

from __future__ import annotations

from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from rhd.access import PROFILES, Profile
from rhd.endpoint.backend import Backend
from rhd.endpoint.callers import Caller
from rhd.endpoint.calling import granted_repos
from rhd.endpoint.sdk import MODERN_PROTOCOL_VERSIONS
from rhd.endpoint.uris import SCHEME, make_uri, parse_uri
from rhd.errors import NotFound, Refusal
from rhd.ids import RelPath
from rhd.repos.registry import Repo
from rhd.workflow.artifacts import Artifact
from rhd.workflow.reach import may_read
from rhd.workflow.reading import Page, read_page
from rhwire.times import format_ns

PAGE_RESOURCES = 200
MAX_CHARS = 512 * 1024


def readable_profiles(backend: Backend, caller: Caller, repo: Repo) -> list[Profile]:
    """Return the profiles through which a caller reads a repository now: granted, and running where that counts."""
    granted = caller.principal().profiles.get(repo.id, frozenset())
    running = granted if caller.is_owner else backend.registry.profiles(repo.id)
    return [profile for name, profile in PROFILES.items() if name in granted and name in running]


async def readable_artifacts(backend: Backend, caller: Caller, repo: Repo | None) -> list[tuple[Repo, Artifact]]:
    """Return what a caller may read on an endpoint, newest first within each repository; a broken one is left out."""
    repos = [repo] if repo is not None else granted_repos(backend, caller.principal())
    found: list[tuple[Repo, Artifact]] = []
    for each in repos:
        names = [p.name for p in readable_profiles(backend, caller, each)]
        try:
            artifacts = (await backend.services.ready(each.id)).artifacts.all() if names else ()
        except Refusal:
            continue
        seen = [a for a in artifacts if a.is_readable_by(names)]
        found.extend((each, a) for a in sorted(seen, key=lambda a: (-a.modified_ns, a.path)))
    return found


async def list_resources(backend: Backend, caller: Caller, repo: Repo | None, cursor: str | None) -> dict[str, Any]:
    """Answer `resources/list`, paged.

    Raises:
        Refusal: INVALID_CURSOR.
    """
    found = await readable_artifacts(backend, caller, repo)
    start = _position(found, cursor)
    page = found[start : start + PAGE_RESOURCES]
    answer: dict[str, Any] = {"resources": [_resource(r, a) for r, a in page]}
    if start + PAGE_RESOURCES < len(found):
        answer["nextCursor"] = make_uri(page[-1][0].slug, page[-1][1].path)
    return answer


def _position(found: list[tuple[Repo, Artifact]], cursor: str | None) -> int:
    """Return where the page after `cursor`, the last URI of the page before, begins."""
    if cursor is None:
        return 0
    named = parse_uri(cursor)
    for index, (repo, artifact) in enumerate(found):
        if named == (repo.slug, artifact.path):
            return index + 1
    raise Refusal("the cursor is not of this list, or the list has changed", code="INVALID_CURSOR")


def _resource(repo: Repo, artifact: Artifact) -> dict[str, Any]:
    return {
        "uri": make_uri(repo.slug, artifact.path),
        "name": artifact.path,
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
    backend: Backend, caller: Caller, repo: Repo | None, uri: str, protocol_version: str
) -> dict[str, Any]:
    """Answer `resources/read`: the text, secrets replaced, at most 512 Ki characters of it.

    Raises:
        MCPError: the resource is unknown, or not the caller's to know.
    """
    named = parse_uri(uri)
    repo = _named_repo(backend, caller, repo, named[0]) if named is not None else None
    if named is not None and repo is not None:
        page = await _read(backend, caller, repo, named[1])
        if page is not None:
            return {"contents": [_contents(uri, named[1], page)]}
    # The 2026 revision says -32602; the handshake revisions had a code of their own.
    code = types.INVALID_PARAMS if protocol_version in MODERN_PROTOCOL_VERSIONS else -32002
    raise MCPError(code, "Resource not found", data={"uri": uri})


def _named_repo(backend: Backend, caller: Caller, repo: Repo | None, slug: str) -> Repo | None:
    here = [repo] if repo is not None else granted_repos(backend, caller.principal())
    return next((each for each in here if each.slug == slug), None)


async def _read(backend: Backend, caller: Caller, repo: Repo, path: RelPath) -> Page | None:
    """Return the text of a resource, or None if it is not there or not the caller's to know."""
    reach = next((p.reach for p in readable_profiles(backend, caller, repo) if may_read(p.reach, path)), None)
    if reach is None:
        return None
    service = await backend.services.ready(repo.id)
    try:
        return await service.read(lambda root: read_page(root, path, reach, backend.key, page_chars=MAX_CHARS))
    except NotFound:
        return None


def _contents(uri: str, path: RelPath, page: Page) -> dict[str, Any]:
    contents: dict[str, Any] = {"uri": uri, "mimeType": _mime_type(path), "text": page.content}
    if page.truncated or page.redactions:
        contents["_meta"] = {
            "dev.repo-harness/truncated": page.truncated,
            "dev.repo-harness/redactions": [{"type": kind, "count": count} for kind, count in page.redactions.items()],
        }
    return contents
