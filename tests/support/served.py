"""The public port on a real socket of loopback, as the daemon serves it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import trio

from rhd.asgi import ASGIApp
from rhd.web.serving import ServerLimits, serve


@asynccontextmanager
async def served(make_app: Callable[[int], ASGIApp]) -> AsyncIterator[str]:
    """Serve what `make_app(port)` returns; yield `http://127.0.0.1:PORT`."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    stop = trio.Event()
    async with listener, trio.open_nursery() as nursery:
        await nursery.start(
            partial(serve, make_app(port), [listener], limits=ServerLimits(drain_s=0.2, half_closed_s=0.5), stop=stop)
        )
        yield f"http://127.0.0.1:{port}"
        stop.set()
