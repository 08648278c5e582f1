"""The official client at one endpoint, without a daemon around it: real rooms and repositories, a grant that tests set.

Whatever a tool answers here is held against its schema, and whatever it refuses against the form of every error.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import trio
from mcp import Client

from rhd.access import Principal
from rhd.ids import RepoId
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.mcp_server import make_server
from rhd.mcpserver.notifier import Notifier
from rhd.mcpserver.sdk import ListChangedServer, serve_dual_era_loop
from rhd.mcpserver.tool_context import ToolContext
from rhd.mcpserver.tools.tool_table import TOOLS
from rhd.repos.registry import Repo
from rhd.repos.repo_service import RepoService
from rhwire.codes import CODES
from tests.support.attached import told
from tests.support.repositories import Repository
from tests.support.running_repos import KEY, Rooms, running_rooms


@dataclass
class Desk:
    """A client that calls tools in the name of one grant.

    Attributes:
        rooms: what runs.
        context: what the tools work with.
        client: the official client, connected.
        held: the profiles of the grant by slug, as it stands now; None once it has ended.
    """

    rooms: Rooms
    context: ToolContext
    repo: Repo
    client: Client = field(init=False)
    held: dict[str, set[str]] | None = field(default_factory=lambda: {"project": {"planner"}})

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return its result: complete, fitting the schema, the same as its text."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        said = told(result)
        _validator(tool).validate(said)
        assert set(said) == set(TOOLS[tool].output["properties"]), "nothing is said beside the schema"
        return said

    async def refused(self, tool: str, code: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must refuse with this code and return the error, which has the form that all have."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, result.content
        error = told(result)
        assert error["code"] == code, error
        assert code in CODES
        assert error["message"]
        assert error["next_step"]
        assert set(error) <= {"code", "message", "next_step", "details"}
        dumped = set(result.model_dump(by_alias=True, exclude_none=True))
        assert dumped <= {"content", "isError", "resultType", "_meta"}, dumped
        assert self.repo.path not in json.dumps(error), "no path of the machine"
        return error

    @property
    def service(self) -> RepoService:
        """The service of the first repository."""
        return self.rooms.services.get(self.repo.id)

    async def settle(self) -> None:
        """Return once the catalog says what the disk says."""
        await self.service.settle()

    def principal(self) -> Principal | None:
        """Return what the grant allows now."""
        if self.held is None:
            return None
        profiles: dict[RepoId, frozenset[str]] = {}
        for slug, names in self.held.items():
            repo = self.rooms.registry.by_slug(slug)
            assert repo is not None
            profiles[repo.id] = frozenset(names)
        return Principal("g_test", "Test client", profiles)


@asynccontextmanager
async def seated(
    database: Path, *repositories: Repository, is_hub: bool = False, is_owner: bool = False, mode: str = "2026-07-28"
) -> AsyncIterator[Desk]:
    """Adopt repositories, start planner and executor on each, and yield a desk at the endpoint of the first.

    Args:
        is_hub: at the hub's instead.
        is_owner: the caller is a peer of the control socket.
        mode: as `Client` has it.
    """
    async with running_rooms(database) as rooms, trio.open_nursery() as nursery:
        repos = [(await rooms.adopt(each)).repo for each in repositories]
        for each in repos:
            assert each is not None
            await rooms.registry.start(each.id, "executor", {})
        first = repos[0]
        assert first is not None
        context = ToolContext(rooms.registry, rooms.services, rooms.store, rooms.audit, KEY)
        notifier = Notifier(rooms.registry, rooms.services, rooms.store)
        await nursery.start(notifier.run)
        server = make_server(context, notifier, None if is_hub else lambda: first)
        desk = Desk(rooms, context, first)
        caller = Caller("g_test", "Test client", is_owner, desk.principal)
        async with Client(_memory(server, caller), mode=mode, cache=None) as desk.client:
            yield desk
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _memory(server: ListChangedServer, caller: Caller) -> AsyncIterator[tuple[Any, Any]]:
    to_server, from_client = anyio.create_memory_object_stream[Any](0)
    to_client, from_server = anyio.create_memory_object_stream[Any](0)
    options = server.create_initialization_options()
    serving = partial(serve_dual_era_loop, lifespan_state=caller, init_options=options)
    async with to_server, from_client, to_client, from_server, trio.open_nursery() as nursery:
        nursery.start_soon(serving, server, from_client, to_client)
        yield from_server, to_server
        nursery.cancel_scope.cancel()


@cache
def _validator(tool: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(TOOLS[tool].output)
