"""Raw MCP over HTTP, in both eras: a client that costs next to nothing, so that what is measured is the server."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

MODERN, HANDSHAKE = "2026-07-28", "2025-11-25"
ERAS = (MODERN, HANDSHAKE)
ACCEPT = "application/json, text/event-stream"


class Wire:
    """One keep-alive connection of one client to one MCP endpoint.

    Attributes:
        socket: the connection.
    """

    def __init__(self, port: int, path: str, era: str, token: str | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nAccept: {ACCEPT}\r\n"
        )
        if token is not None:
            self._head += f"Authorization: Bearer {token}\r\n"
        self._era = era
        self._number = 0
        if era == HANDSHAKE:
            client = {"name": "bench", "version": "1"}
            params = {"protocolVersion": era, "capabilities": {}, "clientInfo": client}
            answer = self.ask(self.request("initialize", params))
            self._head += f"MCP-Protocol-Version: {era}\r\n"
            for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"mcp-session-id":
                    self._head += f"Mcp-Session-Id: {value.strip().decode()}\r\n"
            self.ask(self.request("notifications/initialized", {}, is_notification=True))
        else:
            self._head += f"MCP-Protocol-Version: {era}\r\n"

    def request(self, method: str, params: dict[str, Any], *, is_notification: bool = False) -> bytes:
        """Return the bytes of one request."""
        self._number += 1
        head = self._head
        if self._era == MODERN:
            meta = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            params = {**params, "_meta": meta}
            head += f"Mcp-Method: {method}\r\n"
            if (name := params.get("name", params.get("uri"))) is not None:
                head += f"Mcp-Name: {name}\r\n"
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if not is_notification:
            message["id"] = self._number
        body = json.dumps(message).encode()
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def call(self, tool: str, arguments: dict[str, Any]) -> bytes:
        """Return the bytes of one tool call."""
        return self.request("tools/call", {"name": tool, "arguments": arguments})

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the whole answer."""
        self.socket.sendall(request)
        answer = b""
        while not is_whole(answer):
            data = self.socket.recv(1 << 18)
            if not data:
                raise ConnectionError(f"closed after {answer[:200]!r}")
            answer += data
        return answer

    def result(self, request: bytes) -> dict[str, Any]:
        """Return the result of a request.

        Raises:
            AssertionError: it was refused, or the tool failed.
        """
        message = message_of(self.ask(request))
        result = message.get("result")
        assert result is not None, message
        assert not result.get("isError"), message
        return dict(result)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


def is_whole(answer: bytes) -> bool:
    """Say whether one whole HTTP answer is there."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    lowered = head.lower()
    if b"\r\ncontent-length:" in lowered:
        return len(body) >= int(lowered.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
    return body.endswith(b"0\r\n\r\n") or b" 202 " in head[:20]


def is_result(answer: bytes) -> bool:
    """Say whether an answer is a result and no error; without parsing it, which would be the client's time."""
    return b" 200 " in answer[:20] and b'"result":' in answer and b'"isError":true' not in answer


def message_of(answer: bytes) -> dict[str, Any]:
    """Return the JSON-RPC message of an answer, be it JSON or the first event of a stream."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head[:20], answer[:500]
    if b"text/event-stream" not in head.lower():
        return dict(json.loads(body))
    return dict(json.loads(body.partition(b"data: ")[2].partition(b"\r\n")[0]))


def drive(wires: list[Wire], request: Callable[[Wire], bytes], count: int) -> list[float]:
    """Keep one request on each connection until `count` are answered; return how long each took, in milliseconds.

    Raises:
        AssertionError: one was refused.
    """
    selector = selectors.DefaultSelector()
    begun: dict[Wire, float] = {}
    answers: dict[Wire, bytes] = {}
    took: list[float] = []

    def send(wire: Wire) -> None:
        data = request(wire)
        answers[wire] = b""
        begun[wire] = time.perf_counter()
        wire.socket.sendall(data)

    for wire in wires:
        selector.register(wire.socket, selectors.EVENT_READ, wire)
        send(wire)
    while begun:
        ready = selector.select(30)
        assert ready, "no answer in 30 s"
        for key, _ in ready:
            wire = key.data
            data = wire.socket.recv(1 << 18)
            assert data, "the server hung up"
            answers[wire] += data
            if is_whole(answers[wire]):
                took.append((time.perf_counter() - begun.pop(wire)) * 1e3)
                assert is_result(answers[wire]), answers[wire][:2000]
                if len(took) + len(begun) < count:
                    send(wire)
    selector.close()
    return took
