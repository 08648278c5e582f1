"""`adopt`: make a repository reachable."""

from __future__ import annotations

from typing import Any

from rhd.control.verb import Request, Verb
from rhd.errors import Refusal
from rhd.ids import Slug


async def run(request: Request) -> dict[str, Any]:
    """Adopt the repository around `path`."""
    house, params = request.house, request.params
    if not params["path"].startswith("/"):
        raise Refusal("path must be absolute", code="INVALID_ARGUMENT")
    name = Slug(params["name"]) if params["name"] is not None else None
    done = await house.adopter.adopt(params["path"], slug=name, is_dry_run=bool(params["dry_run"]))
    if done.repo is not None:
        house.audit.add("owner", "adopt", "ok", repo_id=done.repo.id)
    return {
        "slug": done.repo.slug if done.repo is not None else None,
        "id": done.repo.id if done.repo is not None else None,
        "path": done.path,
        "outcome": done.outcome,
        "created": list(done.created),
        "notes": list(done.notes),
        "dry_run": bool(params["dry_run"]),
        "url": f"{house.url}/r/{done.repo.slug}/mcp" if done.repo is not None else None,
        "public_url": house.settings.public_url,
    }


VERB = Verb("adopt", run, {"path": str, "name": str, "dry_run": bool}, required=("path",))
