"""Tool calls in the name of a grant, without a transport in between: for what depends on who calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any

from rhd.access import Principal
from rhd.errors import HarnessError
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.tool_calls import call_tool
from rhd.mcpserver.tool_context import ToolContext
from tests.support.inprocess import Running

Calling = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


def tool_context_of(daemon: Running) -> ToolContext:
    """Return what the tools of a daemon work with."""
    return daemon.context.endpoints._tool_context


def granted(daemon: Running, *, id: str = "g_test", **profiles: Collection[str]) -> Principal:  # noqa: A002
    """Return a grant's principal: profiles by slug, hyphens written as underscores."""
    held = {}
    for slug, names in profiles.items():
        repo = daemon.context.registry.by_slug(slug.replace("_", "-"))
        assert repo is not None
        held[repo.id] = frozenset(names)
    return Principal(id, "Test client", held)


def calling(daemon: Running, principal: Principal, *, at: str | None = None) -> Calling:
    """Return what calls a tool for a grant and returns its result, or the error that is told.

    Args:
        at: the slug of the endpoint; the hub without.
    """
    caller = Caller(principal.id, principal.label, False, lambda: principal)

    async def call(tool: str, **arguments: Any) -> dict[str, Any]:
        repo = daemon.context.registry.by_slug(at) if at is not None else None
        try:
            return await call_tool(tool_context_of(daemon), caller, repo, tool, arguments)
        except HarnessError as error:
            return error.to_json()

    return call
