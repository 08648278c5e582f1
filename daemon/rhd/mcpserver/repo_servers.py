"""`RepoServers`: the hub and one endpoint for each adopted repository, made when first needed."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import trio

from rhd.access import HUB, Principal
from rhd.asgi import Receive, Scope, Send
from rhd.errors import Refusal
from rhd.ids import RepoId
from rhd.mcpserver.callers import CALLER_KEY, Caller, LocalClient
from rhd.mcpserver.mcp_server import make_server
from rhd.mcpserver.notifier import Notifier
from rhd.mcpserver.sdk import ListChangedServer, serve_dual_era_loop
from rhd.mcpserver.session_records import SessionRecords
from rhd.mcpserver.sessions import OnStream, Sessions
from rhd.mcpserver.tool_context import ToolContext
from rhd.mcpserver.unadopted_folder import UnadoptedFolder
from rhd.repos.registry import RegistryChange, Repo
from rhd.store.session_rows import delete_sessions_of

log = logging.getLogger(__name__)


class Endpoint:
    """One MCP server and its HTTP sessions."""

    def __init__(self, server: ListChangedServer, records: SessionRecords, on_stream: OnStream) -> None:
        self.server = server
        self.sessions = Sessions(server, records, on_stream=on_stream)
        self.scope = trio.CancelScope()
        self.ready = trio.Event()


class RepoServers:
    """Every endpoint of the daemon. An endpoint's failure ends its sessions; the next request finds a new one."""

    def __init__(self, context: ToolContext, notifier: Notifier) -> None:
        self._tool_context = context
        self._notifier = notifier
        self._live: dict[RepoId | None, Endpoint] = {}
        self._nursery: trio.Nursery | None = None
        self._connections = itertools.count(1)
        self._local: dict[int, LocalClient] = {}
        context.registry.listen(self._on_registry)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own every endpoint until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.sleep_forever()

    async def serve(
        self,
        repo_id: RepoId | None,
        caller: Caller,
        client_id: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Serve one admitted HTTP request; None is the hub.

        Raises:
            Refusal: REPO_NOT_FOUND, the repository was forgotten since; REPO_BROKEN, its endpoint failed at the start.
        """
        endpoint = await self._endpoint(repo_id)
        scope = {**scope, CALLER_KEY: caller}
        await endpoint.sessions.serve(caller, client_id, scope, receive, send)

    async def attach(self, client: LocalClient, read_stream: Any, write_stream: Any) -> None:
        """Serve MCP to a client of the control socket until either side ends it.

        Args:
            read_stream: as the SDK reads messages.
            write_stream: as the SDK writes them.
        """
        endpoint = await self._endpoint(client.repo_id)
        number = next(self._connections)
        self._local[number] = client
        try:
            await serve_dual_era_loop(
                endpoint.server,
                read_stream,
                write_stream,
                lifespan_state=self._local_caller(client),
                init_options=endpoint.server.create_initialization_options(),
            )
        finally:
            del self._local[number]

    def _local_caller(self, client: LocalClient) -> Caller:
        if client.repo_id is None:
            nothing = Principal(client.id, client.name, {}, is_owner=True)
            outside = UnadoptedFolder(self._tool_context.registry, client.id, client.name)
            return Caller(client.id, client.name, True, lambda: nothing, outside=outside)
        principal = Principal(client.id, client.name, {client.repo_id: client.profiles}, is_owner=True)
        since = {client.repo_id: client.cursor_number} if client.cursor_number is not None else None
        now = partial(self._if_adopted, client.repo_id, principal)
        return Caller(client.id, client.name, True, now, since=since)

    def _if_adopted(self, repo_id: RepoId, principal: Principal) -> Principal | None:
        return principal if self._tool_context.registry.get(repo_id) is not None else None

    def local_clients(self, repo_id: RepoId | None = None) -> list[LocalClient]:
        """Return the clients of the control socket, in the order of their connections: all, or a repository's."""
        return [client for client in self._local.values() if repo_id in (None, client.repo_id)]

    def forget_local(self, client_id: str) -> None:
        """Forget how far a client of the control socket was notified: it has ended its connection for good."""
        self._notifier.on_grant(client_id, is_ended=True)

    async def end_grant(self, grant_id: str) -> None:
        """End every stream and session of a grant that has ended."""
        self._notifier.on_grant(grant_id, is_ended=True)
        for endpoint in list(self._live.values()):
            await endpoint.sessions.end_of(grant_id)
        # Those of endpoints that no request has opened yet.
        self._tool_context.store.write_later(partial(delete_sessions_of, grant_id=grant_id))

    def drain(self) -> None:
        """End the streams of every session: their clients open them again at the next daemon."""
        for endpoint in list(self._live.values()):
            endpoint.sessions.drain()

    async def _endpoint(self, repo_id: RepoId | None) -> Endpoint:
        endpoint = self._live.get(repo_id)
        if endpoint is None:
            if self._nursery is None:
                raise Refusal("the daemon is not serving yet", code="TIMEOUT")
            find = self._finder(repo_id) if repo_id is not None else None
            records = SessionRecords(self._tool_context.store, repo_id or HUB)
            server = make_server(self._tool_context, self._notifier, find)
            endpoint = Endpoint(server, records, self._notifier.on_stream)
            self._live[repo_id] = endpoint  # before the wait, so that two first requests share it
            self._nursery.start_soon(self._keep, repo_id, endpoint)
        await endpoint.ready.wait()
        if self._live.get(repo_id) is not endpoint:  # it was over before it began
            if repo_id is not None:
                self._finder(repo_id)
            raise Refusal("the endpoint failed while it was being opened", code="REPO_BROKEN")
        return endpoint

    def _finder(self, repo_id: RepoId) -> Callable[[], Repo]:
        def find() -> Repo:
            repo = self._tool_context.registry.get(repo_id)
            if repo is None:
                raise Refusal("the repository is no longer adopted", code="REPO_NOT_FOUND")
            return repo

        find()
        return find

    async def _keep(self, repo_id: RepoId | None, endpoint: Endpoint) -> None:
        try:
            with endpoint.scope:
                async with endpoint.sessions.run():
                    endpoint.ready.set()
                    await trio.sleep_forever()
        except Exception as error:
            log.error("endpoint-failed repo=%s reason=%s", repo_id or HUB, type(error).__name__)
        finally:
            endpoint.ready.set()
            if self._live.get(repo_id) is endpoint:
                del self._live[repo_id]

    def _on_registry(self, change: RegistryChange) -> None:
        if change.what == "forgotten" and (endpoint := self._live.pop(change.repo.id, None)) is not None:
            endpoint.scope.cancel()
