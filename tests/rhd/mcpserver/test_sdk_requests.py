from __future__ import annotations

from rhd.asgi import Message, Receive, Scope, Send
from rhd.mcpserver.sdk_requests import request


async def test_a_request_is_what_a_client_would_send_and_its_answer_is_read() -> None:
    seen: list[tuple[Scope, Message]] = []

    async def manager(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope, await receive()))
        headers = [(b"Mcp-Session-Id", b"new")] if scope["method"] == "POST" else []
        await send({"type": "http.response.start", "status": 200 if headers else 404, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    opened = await request(manager, "POST", {"user": "me"}, message={"id": 0, "method": "initialize"})
    assert (opened.is_ok, opened.session_id) == (True, "new")
    ended = await request(manager, "DELETE", {"user": "me"}, session_id="new")
    assert (ended.is_ok, ended.session_id) == (False, None)
    (scope, body), (second, empty) = seen
    assert scope["user"] == "me"
    assert body["body"] == b'{"jsonrpc": "2.0", "id": 0, "method": "initialize"}'
    assert dict(second["headers"])[b"mcp-session-id"] == b"new"
    assert empty["body"] == b""


async def test_no_answer_is_a_failure() -> None:
    async def manager(scope: Scope, receive: Receive, send: Send) -> None:
        return None

    assert not (await request(manager, "DELETE", {})).is_ok
