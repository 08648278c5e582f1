"""`show`: one artifact as clients see it, redacted."""

from __future__ import annotations

from typing import Any

from rhd.access import ARTIFACTS
from rhd.control.lookup import PARAMS, find_repo
from rhd.control.verb import Verb, VerbCall
from rhd.errors import NotFound
from rhd.rel_path import RelPath
from rhd.repos.registry import Repo
from rhd.workflow.artifacts import Artifacts
from rhd.workflow.reading import read_page
from rhwire.escape import escape


async def run(request: VerbCall) -> dict[str, Any]:
    """Return one page of an artifact.

    `artifact` is its path in the repository, or `file` its absolute real path; `cursor` is `next_cursor` of the page
    before.
    """
    context, params = request.context, request.params
    repo = await find_repo(context, params)
    service = context.services.get(repo.id)
    path = _artifact(repo, service.artifacts, params["artifact"], params["file"])
    page = await service.read(lambda root: read_page(root, path, ARTIFACTS, context.key, cursor=params["cursor"]))
    return {
        "slug": repo.slug,
        "path": path,
        "content": page.content,
        "redactions": dict(page.redactions),
        "next_cursor": page.next_cursor,
    }


def _artifact(repo: Repo, artifacts: Artifacts, typed: str, file: str | None) -> RelPath:
    """Return the artifact that was meant: by its path in the repository, or by that of its file.

    Raises:
        NotFound: there is none.
    """
    below = file.removeprefix(f"{repo.path}/") if file is not None and file.startswith(f"{repo.path}/") else None
    for name in (typed, below):
        if name is not None and (artifact := artifacts.get(name)) is not None:
            return artifact.path
    raise NotFound(
        f"{repo.slug} has no artifact {escape(typed[:200])}",
        next_step="Name one by its path in the repository, such as plans/prds/NAME.prd.md. What is no workflow "
        "artifact is not shown.",
    )


VERB = Verb("show", run, {**PARAMS, "artifact": str, "file": str, "cursor": str}, required=("artifact",))
