"""The same pages by the frameworks that our pages and the MCP SDK are made of: each ends an answer in its own way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from rhd.asgi import ASGIApp


def make_quart() -> ASGIApp:
    from quart_trio import QuartTrio

    app = QuartTrio("pages")

    @app.get("/whole")
    async def whole() -> str:
        return "whole"

    @app.get("/stream")
    async def stream() -> Any:
        return parts()

    return app


def make_starlette() -> ASGIApp:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    async def whole(request: Request) -> PlainTextResponse:
        return PlainTextResponse("whole")

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(parts())

    return Starlette(routes=[Route("/whole", whole), Route("/stream", stream)])


def make_sse() -> ASGIApp:
    from sse_starlette.sse import EventSourceResponse
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.routing import Route

    async def events() -> AsyncIterator[dict[str, str]]:
        async for part in parts():
            yield {"data": part}

    async def stream(request: Request) -> EventSourceResponse:
        return EventSourceResponse(events())

    return Starlette(routes=[Route("/whole", stream), Route("/stream", stream)])


async def parts() -> AsyncIterator[str]:
    yield "one"
    yield "two"


FRAMEWORKS: dict[str, Callable[[], ASGIApp]] = {
    "quart-trio": make_quart,
    "starlette": make_starlette,
    "sse-starlette": make_sse,
}
