"""Everything here that knows the MCP SDK's private parts. tests/rhd/mcpserver/test_sdk.py holds each of them.

Three things have no public name in the SDK: a handshake-era connection's life (its exit stack), the sessions that a
manager holds, and the knob that says which lists change, in either era. A fourth, the interval of the pings on its
streams, is set for the whole process: every stream would have a timer of its own, and the notifier pings all at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.runner import serve_dual_era_loop
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import PromptsCapability, ServerCapabilities
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from sse_starlette import EventSourceResponse

__all__ = [
    "MODERN_PROTOCOL_VERSIONS",
    "ListChangedServer",
    "connection_key",
    "has_session",
    "make_manager",
    "on_connection_end",
    "serve_dual_era_loop",
    "session_count",
    "session_owner",
]

EventSourceResponse.DEFAULT_PING_INTERVAL = 0  # no pings

MAX_BODY_BYTES = 1 << 20
IDLE_SESSION_S = 1800.0


class ListChangedServer(Server[Any]):
    """A server that says truly which of its lists change: tools and resources do, prompts come with the release.

    The SDK's HTTP manager tells handshake-era clients that none does, and 2026-era clients that all do.

    Attributes:
        is_talkative: calls tell of something before they answer: progress, a question. Otherwise an answer over HTTP is
            one JSON body, which takes half the time of a stream of one event.
    """

    is_talkative = False

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: Any = None,
    ) -> InitializationOptions:
        """Return what a handshake-era client is told of this server."""
        told = notification_options or NotificationOptions(resources_changed=True, tools_changed=True)
        return super().create_initialization_options(told, experimental_capabilities, extensions)

    def get_capabilities(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
        *,
        protocol_version: str | None = None,
    ) -> ServerCapabilities:
        """Return what this server can do, in the era of a protocol version."""
        found = super().get_capabilities(
            notification_options, experimental_capabilities, extensions, protocol_version=protocol_version
        )
        return found.model_copy(update={"prompts": found.prompts and PromptsCapability(list_changed=False)})


def make_manager(
    server: ListChangedServer, *, is_stateless: bool, max_sessions: int, is_telling: bool = False
) -> StreamableHTTPSessionManager:
    """Return a session manager; Host and Origin are the guard's matter, so its own check stays off.

    Args:
        is_telling: its calls may send notifications before they answer.
    """
    return StreamableHTTPSessionManager(
        app=server,
        json_response=not (server.is_talkative or is_telling),
        stateless=is_stateless,
        session_idle_timeout=IDLE_SESSION_S,
        max_request_body_size=MAX_BODY_BYTES,
        max_sessions=None if is_stateless else max_sessions + 1,
    )


def has_session(manager: StreamableHTTPSessionManager, session_id: str) -> bool:
    """Say whether a manager holds this session."""
    return session_id in manager._server_instances


def session_count(manager: StreamableHTTPSessionManager) -> int:
    """Return how many sessions a manager holds."""
    return len(manager._server_instances)


def session_owner(grant_id: str, client_id: str) -> AuthenticatedUser:
    """Return what the SDK binds a session to: the grant, which outlives every token of it."""
    return AuthenticatedUser(AccessToken(token="", client_id=client_id, scopes=[], subject=grant_id))


def connection_key(ctx: ServerRequestContext[Any, Any]) -> int:
    """Return what is the same for every message of one handshake-era connection; `ctx.session` is not."""
    return id(ctx.session._connection)


def on_connection_end(ctx: ServerRequestContext[Any, Any], callback: Callable[[], None]) -> None:
    """Call `callback` when the connection that this message came over ends."""
    ctx.session._connection.exit_stack.callback(callback)
