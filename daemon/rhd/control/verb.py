"""`Verb`: one kind of request on the control socket, as data; and the connection that it is answered on."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import trio

from rhd.control.verb_context import VerbContext
from rhd.errors import Refusal
from rhd.hosting.sockets import Peer
from rhwire.line_buffer import LineBuffer
from rhwire.messages import encode_event

WRITE_WITHIN_S = 10.0

IDLE_S = 0.3
"""How long a client has for its next request once the daemon drains: many commands send two."""

_WORDS = {bool: "true or false", int: "a whole number", list: "a list", dict: "an object", str: "a string"}


class Slots:
    """How many connections wait for an answer, and how many stay open after it: counted apart, both bounded."""

    def __init__(self, *, max_waiting: int = 64, max_open: int = 1024) -> None:
        self.max_waiting = max_waiting
        self.max_open = max_open
        self.waiting = 0
        self.open = 0


class ControlConnection:
    """One client of the control socket.

    Attributes:
        peer: who it is, as the kernel says.
        has_place: it may wait for an answer; decided once, as it is accepted, so that a crowd that comes at once
            takes no place from those that came before it.
        lines: what was received and not yet answered.
        scope: around everything that is done for it.
    """

    def __init__(self, stream: trio.SocketStream, peer: Peer, slots: Slots) -> None:
        self.stream = stream
        self.peer = peer
        self.lines = LineBuffer()
        self.scope = trio.CancelScope()
        self._sending = trio.Lock()
        self._is_idle = False
        self._draining = trio.Event()
        self._drains_itself = False
        self._slots = slots
        self._is_open = False
        self.has_place = slots.waiting < slots.max_waiting
        slots.waiting += self.has_place

    def stay_open(self) -> None:
        """Count this connection among those that stay open: it streams, leases or speaks MCP.

        Raises:
            Refusal: LIMIT_REACHED, too many do.
        """
        if not self._is_open:
            if self._slots.open >= self._slots.max_open:
                raise Refusal("too many connections are open", code="LIMIT_REACHED")
            self._is_open = True
            self._slots.open += 1
            self._slots.waiting -= 1

    @property
    def is_open(self) -> bool:
        """Whether it stays open after its request: it streams, leases or speaks MCP."""
        return self._is_open

    @property
    def is_draining(self) -> bool:
        """One more answer, then the connection ends."""
        return self._draining.is_set()

    def drain(self) -> None:
        """End the connection after one more answer, or once it has been idle for `IDLE_S`; end a stream at once."""
        self._draining.set()
        if self._is_idle:
            self.scope.deadline = trio.current_time() + IDLE_S
        elif self._is_open and not self._drains_itself:
            self.scope.cancel()

    def note_idle(self, is_idle: bool) -> None:
        """Note whether the connection is between two requests."""
        self._is_idle = is_idle
        self.scope.deadline = math.inf

    def drain_by_itself(self) -> trio.Event:
        """Leave the drain to the task that has taken the connection over; return what is set when it begins."""
        self._drains_itself = True
        return self._draining

    def close_slot(self) -> None:
        """Give the connection's place up, if it has one; called once, when it ends."""
        if self._is_open:
            self._slots.open -= 1
        elif self.has_place:
            self._slots.waiting -= 1

    async def send(self, data: bytes) -> None:
        """Send `data`; drop a client that does not read.

        Raises:
            trio.BrokenResourceError: it is gone, or does not read.
        """
        async with self._sending:  # progress and what a verb streams come from two tasks
            with trio.move_on_after(WRITE_WITHIN_S) as scope:
                await self.stream.send_all(data)
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("the client does not read")

    async def emit(self, method: str, params: dict[str, Any]) -> None:
        """Send one notification of a stream."""
        self.stay_open()
        await self.send(encode_event(method, params))

    async def wait_closed(self) -> None:
        """Return when the client has gone; what it still sends is dropped."""
        try:
            while await self.stream.receive_some(4096):
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


@dataclass(frozen=True, slots=True)
class VerbCall:
    """One request of a verb, its parameters checked and complete: what was not given is None."""

    context: VerbContext
    connection: ControlConnection
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        name: as in JSON-RPC's `method` and on the command line.
        params: the type of each parameter; all are optional unless in `required`.
        run: returns the result, or raises a Refusal; may emit a stream first.
        takes_over: called after the result was sent; the connection is then its own.
        required: parameters that must be given.
    """

    name: str
    run: Callable[[VerbCall], Awaitable[Any]]
    params: Mapping[str, type] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    takes_over: Callable[[VerbCall, Any], Awaitable[None]] | None = None

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return every parameter, None where it was not given.

        Raises:
            Refusal: INVALID_ARGUMENT, one is unknown, missing or of another type.
        """
        if unknown := sorted(set(given) - set(self.params)):
            raise Refusal(f"{self.name} has no parameter {unknown[0][:40]!r}", code="INVALID_ARGUMENT")
        for name, value in given.items():
            expected = self.params[name]
            is_right = isinstance(value, expected) and not (expected is int and isinstance(value, bool))
            if value is not None and not is_right:
                raise Refusal(f"{name} must be {_WORDS[expected]}", code="INVALID_ARGUMENT")
            if isinstance(value, str) and "\0" in value:
                raise Refusal(f"{name} holds a NUL", code="INVALID_ARGUMENT")
        if missing := [name for name in self.required if given.get(name) is None]:
            raise Refusal(f"{self.name} needs {missing[0]}", code="INVALID_ARGUMENT")
        return {name: given.get(name) for name in self.params}
