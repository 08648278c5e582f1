"""`Exchange`: one request and its answer, as the app sees them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from rhd.asgi import Message, Scope, Send

UNREAD_BYTES = 256 * 1024
"""How much of a body is kept for an app that does not read it; then its client has to wait."""


class Exchange:
    """The body on its way to the app, and whether the exchange goes on.

    Attributes:
        asgi: the ASGI scope.
        send_raw: takes the app's messages; Hypercorn's half of ASGI's send.
        scope: what the app runs in.
        is_over: the answer is complete.
    """

    __slots__ = ("_body", "_invite", "_is_given", "_is_whole", "_news", "asgi", "is_over", "scope", "send_raw")

    def __init__(self, asgi: Scope, send_raw: Send, invite: Callable[[], Awaitable[None]]) -> None:
        self.asgi = asgi
        self.send_raw = send_raw
        self.scope = trio.CancelScope()
        self.is_over = False
        self._invite = invite
        self._body = bytearray()
        self._is_whole = False
        self._is_given = False
        self._news = trio.lowlevel.ParkingLot()

    async def put(self, message: Any) -> None:
        """Take a message for the app. Waits while much of the body is unread; that the exchange is over never waits.

        Hypercorn's own queue is bounded for that message too: an app that answers without reading a large body
        would wait in its last `send` for itself.
        """
        if message["type"] == "http.disconnect":  # as Hypercorn has it, also at the end of an answer
            self.is_over = True
            self._news.unpark_all()
            return
        self._body += message["body"]
        self._is_whole = not message["more_body"]
        self._news.unpark_all()
        while len(self._body) > UNREAD_BYTES and not (self.is_over or self.is_cancelled):
            await self._news.park()

    def cancel(self) -> None:
        """End the app's work, unless its answer is complete; the client is gone, or is answered otherwise."""
        if not self.is_over:
            self.scope.cancel()
            self._news.unpark_all()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` ended it: nothing of an answer is wanted any more."""
        return self.scope.cancel_called

    def let_go(self) -> None:
        """Drop Hypercorn's stream, which refers back to the exchange: the app has ended."""
        self.send_raw = _nothing

    async def receive(self) -> Message:
        """ASGI's receive. Chunks that wait come as one."""
        if not self._body and not self._is_whole:
            await self._invite()
        while not self.is_over:  # nothing waits between this look and the park
            if self._body or (self._is_whole and not self._is_given):
                body = bytes(self._body)
                self._body.clear()
                self._is_given = self._is_whole
                self._news.unpark_all()
                return {"type": "http.request", "body": body, "more_body": not self._is_whole}
            await self._news.park()
        await trio.lowlevel.checkpoint()
        return {"type": "http.disconnect"}


async def _nothing(message: Message) -> None:
    await trio.lowlevel.checkpoint()
