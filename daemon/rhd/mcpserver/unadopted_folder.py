"""`UnadoptedFolder`: what a local client is served whose working folder is in no adopted repository.

It is the hub with two tools, `list_repos` and `harness_status` of a repository that the call names. Everything else is
refused, so that an agent does not read or write in a repository that its user is not working in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rhd.access import PROFILES, Principal
from rhd.errors import Refusal
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.tools.tool_table import described_tools
from rhd.repos.registry import Registry

TOOLS = ("harness_status", "list_repos")
_PROFILE = frozenset({"executor"})

MAX_NAMED = 12
"""How many repositories a refusal lists."""


class UnadoptedFolder:
    """The two tools, and who calls them."""

    def __init__(self, registry: Registry, caller_id: str, label: str) -> None:
        self._registry = registry
        self._caller = Caller(caller_id, label, True, self._principal)

    def describe_tools(self) -> list[dict[str, Any]]:
        """Return the tools as `tools/list` sends them."""
        return [tool for tool in described_tools(frozenset(PROFILES), True) if tool["name"] in TOOLS]

    def caller_of(self, tool: str, arguments: Mapping[str, Any]) -> Caller:
        """Return who makes a call of `tool`.

        Raises:
            Refusal: REPO_NOT_ADOPTED, the call is about the repository of the working folder.
        """
        if tool not in TOOLS or (tool == "harness_status" and not arguments.get("repo")):
            raise self.refuse()
        return self._caller

    def refuse(self) -> Refusal:
        """Return what a call that needs a repository is told."""
        slugs = sorted(repo.slug for repo in self._registry)
        more = f" and {len(slugs) - MAX_NAMED} more" if len(slugs) > MAX_NAMED else ""
        named = f"adopted: {', '.join(slugs[:MAX_NAMED])}{more}" if slugs else "none is adopted"
        return Refusal(
            f"the working folder is in no adopted repository ({named})",
            code="REPO_NOT_ADOPTED",
            next_step="Ask the owner to run rhctl adopt there, or to start the agent inside an adopted repository.",
            details={"repos": slugs},
        )

    def _principal(self) -> Principal:
        repos = {repo.id: _PROFILE for repo in self._registry}
        return Principal(self._caller.id, self._caller.label, repos, is_owner=True)
