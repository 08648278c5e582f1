"""An ASGI app with every way of answering that serving has to cope with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import trio

from rhd.asgi import Message, Receive, Scope, Send

IMPATIENT_BYTES = 8_000_000
"""More than the kernel takes for a client that does not read."""


async def read_body(receive: Receive) -> bytes:
    """Return a request's whole body."""
    body = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request"
        body += message["body"]
        if not message["more_body"]:
            return body


async def answer(send: Send, body: bytes, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    """Send a whole answer of declared length."""
    declared = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [declared, *headers]})
    await send({"type": "http.response.body", "body": body})


class App:
    """Chooses by the request's path; counts, so that tests can wait for what happens inside.

    Attributes:
        running: how many requests are being answered.
        cancelled: paths whose handlers were cancelled.
        news: set, and replaced, whenever one of these changes.
        go: what `/wait` waits for.
    """

    def __init__(self) -> None:
        self.running = 0
        self.seen: list[str] = []
        self.cancelled: list[str] = []
        self.news = trio.Event()
        self.go = trio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        self.running += 1
        self.seen.append(scope["path"])
        self._tell()
        try:
            await _HANDLERS.get(scope["path"], _describe)(self, scope, receive, send)
        except trio.Cancelled:
            self.cancelled.append(scope["path"])
            raise
        finally:
            self.running -= 1
            self._tell()

    async def wait_until(self, is_so: Callable[[App], bool], within_s: float = 10) -> None:
        """Wait for a condition on what is counted here."""
        with trio.fail_after(within_s):
            while not is_so(self):
                await self.news.wait()

    def _tell(self) -> None:
        self.news.set()
        self.news = trio.Event()


async def _describe(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Everything about the request, as JSON."""
    body = await read_body(receive)
    facts = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode(),
        "version": scope["http_version"],
        "headers": {name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
        "client": scope["client"],
        "server": scope["server"],
        "body": body.decode("latin-1"),
    }
    await answer(send, json.dumps(facts).encode(), 200, (b"content-type", b"application/json"))


async def _wait(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """An answer that takes until the test says so."""
    await app.go.wait()
    await answer(send, b"went")


async def _stream(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A stream that says one word at once, and the other when the test says so."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"open ", "more_body": True})
    await app.go.wait()
    await send({"type": "http.response.body", "body": b"done"})


async def _flood(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A stream without end."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})


async def _silent(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """The head of a stream, and nothing after it."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await trio.sleep_forever()


async def _deaf(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """An answer that does not wait for the body."""
    await answer(send, b"refused", 401)


async def _raise(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("canary-in-a-message")


async def _raise_late(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise ValueError("canary-in-a-message")


async def _raise_told(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    await app.go.wait()
    raise ValueError("canary-in-a-message")


async def _raise_corked(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    raise ValueError("canary-in-a-message")


async def _raise_after(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"whole")
    raise ValueError("canary-in-a-message")


async def _mute(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """No answer at all."""


async def _short(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Less than was declared."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    await send({"type": "http.response.body", "body": b"half"})


async def _splitting(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A header that would begin another one."""
    await answer(send, b"", 200, (b"x-name", b"a\r\nset-cookie: b"))


async def _exit(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    raise SystemExit(3)


async def _stray(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A cancellation that escapes from its scope, as from a nursery that a generator left open."""
    caught: list[trio.Cancelled] = []
    with trio.CancelScope() as scope_:
        scope_.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            caught.append(error)
            raise
    raise caught[0]


async def _cancels_itself(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """As frameworks do: a listener cancels everything once `http.disconnect` comes, be it for the end of the answer."""
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        await answer(send, b"framework")


async def _works_on(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """An answer, and work after it."""
    await answer(send, b"accepted")
    await app.go.wait()
    app.seen.append("worked on")
    app._tell()


async def _disconnected(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """What receive says after the answer."""
    await read_body(receive)
    await answer(send, b"whole")
    message: Message = await receive()
    app.seen.append(message["type"])
    app._tell()


async def _impatient(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A stream that gives up on its first piece amid the write, and sends another."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    async with trio.open_nursery() as nursery:

        async def give_up() -> None:
            await app.go.wait()
            nursery.cancel_scope.cancel()

        nursery.start_soon(give_up)
        await send({"type": "http.response.body", "body": bytes(IMPATIENT_BYTES), "more_body": True})
    await send({"type": "http.response.body", "body": b"end"})


async def _sends_empty(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """A generator that yields nothing, for ever."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"", "more_body": True})


_HANDLERS: dict[str, Any] = {
    "/cancels-itself": _cancels_itself,
    "/deaf": _deaf,
    "/disconnected": _disconnected,
    "/exit": _exit,
    "/flood": _flood,
    "/impatient": _impatient,
    "/mute": _mute,
    "/raise": _raise,
    "/raise-after": _raise_after,
    "/raise-corked": _raise_corked,
    "/raise-late": _raise_late,
    "/raise-told": _raise_told,
    "/sends-empty": _sends_empty,
    "/short": _short,
    "/silent": _silent,
    "/splitting": _splitting,
    "/stray": _stray,
    "/stream": _stream,
    "/wait": _wait,
    "/works-on": _works_on,
}
