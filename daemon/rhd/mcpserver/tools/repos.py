"""`list_repos`, which only the hub has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rhd.access import PROFILES, Principal
from rhd.mcpserver.tools.output_schemas import BOOLEAN, STRING, closed, every, listed
from rhd.mcpserver.tools.tool_spec import ALL, ToolSpec
from rhd.repos.registry import Repo


def list_repos(granted: Sequence[Repo], principal: Principal) -> dict[str, Any]:
    """Answer `list_repos`."""
    return {
        "repos": [
            {
                "slug": repo.slug,
                "name": repo.name,
                "profiles": [name for name in PROFILES if name in principal.profiles[repo.id]],
                "default": len(granted) == 1,
            }
            for repo in granted
        ]
    }


REPOS = ToolSpec(
    name="list_repos",
    title="List repositories",
    description=(
        "Use this when you do not know which repositories you can reach, or what to pass as repo: the slug. default "
        "marks the repository that is meant when repo is left out; if several were granted, there is none."
    ),
    profiles=ALL,
    input=closed([]),
    output=every(repos=listed(every(slug=STRING, name=STRING, profiles=listed(STRING), default=BOOLEAN))),
    handler=None,
)
