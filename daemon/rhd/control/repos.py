"""`repos`: which repositories are adopted."""

from __future__ import annotations

from typing import Any

from rhd.control.verb import Verb, VerbCall
from rhwire.times import format_time


async def run(request: VerbCall) -> dict[str, Any]:
    """List the adopted repositories by slug."""
    context = request.context
    return {
        "repos": [
            {"slug": r.slug, "name": r.name, "id": r.id, "path": r.path, "adopted_at": format_time(r.adopted_at)}
            for r in sorted(context.registry, key=lambda r: r.slug)
        ]
    }


VERB = Verb("repos", run)
