"""A server at a URL as an ASGI application, so that the browser and the client of `tests.support.http` reach it."""

from __future__ import annotations

from typing import Any

import httpx2


class RemoteApp:
    """Passes each request on over HTTP."""

    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self._url = url
        self._http = http

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        target = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        answer = await self._http.request(
            scope["method"], self._url + target, headers=list(scope["headers"]), content=body, follow_redirects=False
        )
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"transfer-encoding"]
        headers = [(name.lower(), value) for name, value in headers]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": answer.content})
