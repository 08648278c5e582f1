"""What a client of either era is told, as the official client understands it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import mcp_types as types
import trio
from mcp import Client
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated, ToolsListChanged
from mcp.shared.exceptions import MCPDeprecationWarning

Told = tuple[str, str | None]
"""`("updated", URI)`, `("resources", None)` or `("tools", None)`."""
CURSORS = "dev.repo-harness/cursors"
_NAMES: dict[type, str] = {
    types.ResourceListChangedNotification: "resources",
    types.ToolListChangedNotification: "tools",
    ResourcesListChanged: "resources",
    ToolsListChanged: "tools",
}


class Ears:
    """A client that listens.

    Attributes:
        client: the official client, for calls of its own.
        heard: everything it was told so far.
        ended: set when its stream ended (2026 era).
        end: `graceful` or `lost`, once it has ended.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard: list[Told] = []
        self.ended = trio.Event()
        self.end: str | None = None
        self._send, self._receive = trio.open_memory_channel[Told](10_000)

    def note(self, told: Told) -> None:
        self.heard.append(told)
        self._send.send_nowait(told)

    async def hear(self, told: Told, *, within_s: float = 10) -> None:
        """Return once it has been told this; what it is told before that is in `heard`."""
        with trio.fail_after(within_s):
            async for one in self._receive:
                if one == told:
                    return

    async def hear_updated(self, uri: str) -> None:
        """Return once it has been told that this resource changed."""
        await self.hear(("updated", uri))


@asynccontextmanager
async def hearing(
    connect: Callable[..., AbstractAsyncContextManager[Client]],
    mode: str,
    *uris: str,
    cursors: dict[str, str] | None = None,
) -> AsyncIterator[Ears]:
    """Yield a client that listens for everything: these resources, the lists of resources and of tools.

    Args:
        connect: opens the client; takes `mode` and the options of `Client`.
        mode: as `Client` has it; `2026-07-28` listens by a stream, anything else by the session.
        cursors: what it knows already, by slug.
    """
    if mode == "2026-07-28":
        async with connect(mode=mode) as client, _listening(client, uris, cursors) as ears:
            yield ears
    else:
        box: list[Ears] = []
        early: list[Told] = []

        async def handle(message: Any) -> None:
            if isinstance(message, types.ResourceUpdatedNotification):
                told: Told = ("updated", str(message.params.uri))
            elif (name := _NAMES.get(type(message))) is not None:
                told = (name, None)
            else:
                return
            if box:
                box[0].note(told)
            else:
                early.append(told)

        async with connect(mode=mode, message_handler=handle) as client:
            box.append(ears := Ears(client))
            for told in early:
                ears.note(told)
            # `initialized` has no answer: what is answered after it tells that it has arrived.
            await client.list_prompts()
            await subscribe(client, uris, cursors)
            yield ears


async def subscribe(client: Client, uris: Iterable[str], cursors: dict[str, str] | None = None) -> None:
    """Subscribe a session of the handshake era."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        for uri in uris:
            await client.subscribe_resource(uri, meta={CURSORS: cursors} if cursors else None)  # type: ignore[arg-type]


@asynccontextmanager
async def _listening(client: Client, uris: Iterable[str], cursors: dict[str, str] | None) -> AsyncIterator[Ears]:
    ears = Ears(client)
    with _stamped(client, cursors):
        stack = contextlib.AsyncExitStack()
        subscription = await stack.enter_async_context(
            client.listen(tools_list_changed=True, resources_list_changed=True, resource_subscriptions=list(uris))
        )

    async def keep() -> None:
        try:
            async for event in subscription:
                if isinstance(event, ResourceUpdated):
                    ears.note(("updated", str(event.uri)))
                else:
                    ears.note((_NAMES[type(event)], None))
            ears.end = "graceful"
        except Exception as error:
            ears.end = f"lost: {error}"
        ears.ended.set()

    async with stack, trio.open_nursery() as nursery:
        nursery.start_soon(keep)
        yield ears
        nursery.cancel_scope.cancel()


@contextlib.contextmanager
def _stamped(client: Client, cursors: dict[str, str] | None) -> Any:
    """Let the next requests carry the cursors in `_meta`: the official client has no argument for it yet."""
    if cursors is None:
        yield
        return
    session = client.session
    stamp = session._stamp

    def stamped(data: dict[str, Any], *rest: Any) -> Any:
        data.setdefault("params", {}).setdefault("_meta", {})[CURSORS] = cursors
        return stamp(data, *rest)

    session._stamp = stamped  # type: ignore[method-assign]
    try:
        yield
    finally:
        session._stamp = stamp  # type: ignore[method-assign]
