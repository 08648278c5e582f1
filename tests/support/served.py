"""The public port on a real socket of loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve


@asynccontextmanager
async def served(make_app: Callable[[int], Any]) -> AsyncIterator[str]:
    """Serve what `make_app(port)` returns; yield `http://127.0.0.1:PORT`."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    config.graceful_timeout = 0.1
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, make_app(port), config, shutdown_trigger=stop.wait, mode="asgi"))
        yield f"http://127.0.0.1:{port}"
        stop.set()
        nursery.cancel_scope.cancel()
