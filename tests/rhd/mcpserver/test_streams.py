"""A stream with a stand-in for the SDK; tests/rhd/endpoint/test_sdk.py has the real one."""

from __future__ import annotations

import json
from typing import Any

import mcp_types as types
import pytest

from rhd.asgi import Message, Receive, Scope, Send
from rhd.mcpserver.streams import Ping, Tell, serve_stream, stream_of

RESULT = b'{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete"}}'
CHANGED = types.ResourceUpdatedNotification(params=types.ResourceUpdatedNotificationParams(uri="repo-harness://a/b"))


class Sdk:
    """Stands in for the SDK: asks the handler, if there is one, and answers with JSON."""

    def __init__(self, run: Any, status: int = 200) -> None:
        self.run = run
        self.status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = type("Context", (), {"request": type("Request", (), {"scope": scope})})
        if self.run is not None:
            stream = stream_of(context)  # type: ignore[arg-type]
            assert stream is not None
            stream.run = self.run
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": RESULT[:9], "more_body": True})
        await send({"type": "http.response.body", "body": RESULT[9:]})


async def answered(sdk: Sdk) -> list[Message]:
    """Serve one request; return what was sent."""
    sent = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("only the SDK reads the request")

    await serve_stream(sdk, {"type": "http"}, receive, send)
    return sent


def events(messages: list[Message]) -> list[Any]:
    """Return the messages of a stream; the comments as they are."""
    text = b"".join(message["body"] for message in messages).decode()
    assert text.endswith("\r\n\r\n")
    out: list[Any] = []
    for event in text.removesuffix("\r\n\r\n").split("\r\n\r\n"):
        if event.startswith(":"):
            out.append(event)
        else:
            name, data = event.split("\r\n")
            assert name == "event: message"
            out.append(json.loads(data.removeprefix("data: ")))
    return out


async def test_what_is_told_goes_out_as_it_comes_and_the_sdks_answer_ends_the_stream() -> None:
    async def run(tell: Tell, ping: Ping) -> None:
        await tell(CHANGED)
        await ping()

    head, *body = await answered(Sdk(run))
    assert head["status"] == 200
    assert (b"content-type", b"text/event-stream") in head["headers"]
    told = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "repo-harness://a/b"}}
    assert events(body) == [told, ": ping", json.loads(RESULT)]
    assert [message["more_body"] for message in body] == [True, True, False]


@pytest.mark.parametrize("status", [200, 400, 406])
async def test_a_refusal_is_passed_on_as_the_sdk_made_it(status: int) -> None:
    head, *body = await answered(Sdk(None, status))
    assert head["status"] == status
    assert (b"content-type", b"application/json") in head["headers"]
    assert b"".join(message["body"] for message in body) == RESULT


async def test_a_stream_that_fails_is_not_ended_as_if_it_were_meant() -> None:
    async def run(tell: Tell, ping: Ping) -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        await answered(Sdk(run))


def test_a_message_over_the_socket_asks_for_no_stream() -> None:
    assert stream_of(type("Context", (), {"request": None})) is None  # type: ignore[arg-type]
