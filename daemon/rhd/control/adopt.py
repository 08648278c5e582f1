"""`adopt`: make a repository reachable."""

from __future__ import annotations

from typing import Any

from rhd.control.verb import Verb, VerbCall
from rhd.errors import Refusal
from rhd.ids import Slug


async def run(request: VerbCall) -> dict[str, Any]:
    """Adopt the repository around `path`."""
    context, params = request.context, request.params
    if not params["path"].startswith("/"):
        raise Refusal("path must be absolute", code="INVALID_ARGUMENT")
    name, take_up = (Slug(given) if (given := params[key]) is not None else None for key in ("name", "as"))
    if name is not None and take_up is not None:
        raise Refusal("name is for a repository that is new, and as for one that is not", code="INVALID_ARGUMENT")
    done = await context.adopter.adopt(params["path"], slug=name, take_up=take_up, is_dry_run=bool(params["dry_run"]))
    if done.repo is not None:
        context.audit.event("repo.adopt", repo_id=done.repo.id, target=done.outcome)
    return {
        "slug": done.repo.slug if done.repo is not None else None,
        "id": done.repo.id if done.repo is not None else None,
        "path": done.path,
        "outcome": done.outcome,
        "created": list(done.created),
        "replaced": list(done.replaced),
        "commit": list(done.to_commit),
        "leftover_secrets": list(done.leftovers.secrets),
        "leftover_endpoint": done.leftovers.endpoint,
        "notes": list(done.notes),
        "dry_run": bool(params["dry_run"]),
        "url": f"{context.url}/r/{done.repo.slug}/mcp" if done.repo is not None else None,
        "public_url": context.settings.public_url,
    }


VERB = Verb("adopt", run, {"path": str, "name": str, "as": str, "dry_run": bool}, required=("path",))
