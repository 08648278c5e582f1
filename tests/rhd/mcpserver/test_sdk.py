"""What we rely on in the MCP SDK beyond its documented surface. A new release that breaks us fails here, by name.

Two things that a new release could break are held elsewhere, for they need other machinery: that either revision is
served as a whole, by the official suite (`make conformance`); how soon the bridge has its first answer, by
`make bench`.
"""

from __future__ import annotations

import inspect
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
import pytest
import trio
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from sse_starlette import EventSourceResponse

from rhd.access import Principal
from rhd.asgi import Receive, Scope, Send
from rhd.mcpserver.callers import CALLER_KEY, Caller
from rhd.mcpserver.listeners import Event
from rhd.mcpserver.mcp_server import make_server
from rhd.mcpserver.notifier import Notifier
from rhd.mcpserver.sdk import (
    ListChangedServer,
    connection_key,
    has_session,
    make_manager,
    on_connection_end,
    serve_dual_era_loop,
    session_count,
    session_owner,
)
from rhd.mcpserver.session_records import SessionRecords
from rhd.mcpserver.sessions import Sessions
from rhd.mcpserver.tool_context import ToolContext
from tests.support.attached import attached
from tests.support.inprocess import Running
from tests.support.made_grants import grant
from tests.support.repositories import Repository
from tests.support.running_repos import KEY, running_rooms
from tests.support.served import served

WITHIN_S = 15
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
MODERN = {"MCP-Protocol-Version": "2026-07-28"}
ERAS = pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])


def request(method: str, number: int = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def modern(method: str, number: int = 1, **params: Any) -> dict[str, Any]:
    """Return a request of the 2026 era."""
    meta = {"protocolVersion": "2026-07-28", "clientCapabilities": {}}
    named = {f"io.modelcontextprotocol/{key}": value for key, value in meta.items()}
    return request(method, number, **params, _meta=named)


def modern_headers(body: dict[str, Any]) -> dict[str, str]:
    name = body["params"].get("name")
    return {**HEADERS, **MODERN, "Mcp-Method": body["method"]} | ({"Mcp-Name": name} if name else {})


def result_of(answer: httpx2.Response) -> dict[str, Any]:
    """Return the result of the one message that an answer carries, as JSON or as a stream."""
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        (data,) = [line for line in text.splitlines() if line.startswith("data: ")]
        text = data.removeprefix("data: ")
    return dict(json.loads(text)["result"])


INITIALIZE = request(
    "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "t", "version": "1"}
)
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@dataclass
class Bench:
    """One of the SDK's managers behind the daemon's own serving, with a tool that answers and one that waits.

    Attributes:
        asked: the tools whose schema was asked for, and `tools/list` for each time that it was answered.
    """

    manager: StreamableHTTPSessionManager
    server: ListChangedServer
    url: str = ""
    keys: list[tuple[str, int]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    called: trio.Event = field(default_factory=trio.Event)
    cancelled: trio.Event = field(default_factory=trio.Event)

    async def open(self, http: httpx2.AsyncClient, owner: str = "one") -> str:
        """Open a session and return its id."""
        opened = await http.post(self.url, json=INITIALIZE, headers={**HEADERS, "X-Owner": owner})
        session_id = str(opened.headers["mcp-session-id"])
        headers = {**HEADERS, "X-Owner": owner, "Mcp-Session-Id": session_id}
        assert (await http.post(self.url, json=INITIALIZED, headers=headers)).status_code == 202
        return session_id


@asynccontextmanager
async def bench(*, max_sessions: int = 8, is_talkative: bool = False) -> AsyncIterator[Bench]:
    """Yield a served manager."""

    def schema_of(name: str) -> dict[str, Any]:
        it.asked.append(name)
        return {"type": "object"}

    async def list_tools(ctx: Any, params: Any) -> Any:
        it.asked.append("tools/list")
        return {"resultType": "complete", "tools": [{"name": "wait", "inputSchema": {"type": "object"}}]}

    async def listen(ctx: Any, params: Any) -> Any:
        return types.SubscriptionsListenResult(_meta={SUBSCRIPTION_ID_META_KEY: ctx.request_id})

    async def call_tool(ctx: Any, params: Any) -> Any:
        if params.name == "answer":
            return {"resultType": "complete", "content": [], "structuredContent": {"a": 1}, "isError": False}
        it.called.set()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            it.cancelled.set()
            raise

    async def subscribe(ctx: Any, params: Any) -> Any:
        return {"resultType": "complete"}

    async def note(ctx: Any, call_next: Any) -> Any:
        key = connection_key(ctx)
        it.keys.append((ctx.method, key))
        if ctx.method == "notifications/initialized":
            on_connection_end(ctx, lambda: it.ended.append(key))
        return await call_next(ctx)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        owner = dict(scope["headers"]).get(b"x-owner", b"one").decode()
        await it.manager.handle_request({**scope, "user": session_owner(owner, "client")}, receive, send)

    server = ListChangedServer(
        "bench",
        version="1",
        get_tool_input_schema=schema_of,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_subscribe_resource=subscribe,
        on_subscriptions_listen=listen,
    )
    server.is_talkative = is_talkative
    server.middleware.append(note)
    it = Bench(make_manager(server, is_stateless=False, max_sessions=max_sessions), server)
    with trio.fail_after(WITHIN_S):
        async with it.manager.run(), served(lambda port: app) as url:
            it.url = url + "/mcp"
            yield it


# -- the parts without a public name ---------------------------------------------------------------------------


async def test_the_sdk_has_one_connection_for_all_messages_of_a_session_and_says_when_it_ends() -> None:
    async with bench() as it, httpx2.AsyncClient() as http:
        first, second = await it.open(http), await it.open(http)
        for session_id in (first, second, first):
            headers = {**HEADERS, "Mcp-Session-Id": session_id}
            assert (await http.post(it.url, json=request("tools/list"), headers=headers)).status_code == 200
        key, other = [key for method, key in it.keys if method == "initialize"]
        assert key != other
        assert [k for method, k in it.keys if method == "tools/list"] == [key, other, key]
        assert it.ended == []
        assert (await http.delete(it.url, headers={**HEADERS, "Mcp-Session-Id": first})).status_code == 200
        while it.ended != [key]:
            await trio.lowlevel.checkpoint()
    assert it.ended == [key, other], "the manager's own end is the end of what it holds"


async def test_the_sdk_lets_us_see_which_sessions_it_holds() -> None:
    async with bench() as it, httpx2.AsyncClient() as http:
        assert session_count(it.manager) == 0
        session_id = await it.open(http)
        assert has_session(it.manager, session_id)
        assert not has_session(it.manager, "another")
        assert session_count(it.manager) == 1
        await http.delete(it.url, headers={**HEADERS, "Mcp-Session-Id": session_id})
        assert (session_count(it.manager), has_session(it.manager, session_id)) == (0, False)


async def test_the_sdk_refuses_with_503_beyond_its_own_cap_which_is_why_we_stay_below_it() -> None:
    async with bench(max_sessions=1) as it, httpx2.AsyncClient() as http:
        opened = [await http.post(it.url, json=INITIALIZE, headers=HEADERS) for _ in range(3)]
        assert [answer.status_code for answer in opened] == [200, 200, 503]


async def test_the_sdk_binds_a_session_to_whom_the_scope_names() -> None:
    async with bench() as it, httpx2.AsyncClient() as http:
        session_id = await it.open(http, "one")
        for owner, status in (("one", 200), ("two", 404)):
            headers = {**HEADERS, "X-Owner": owner, "Mcp-Session-Id": session_id}
            assert (await http.post(it.url, json=request("ping"), headers=headers)).status_code == status


async def test_the_sdk_tells_each_era_truly_which_lists_change(daemon: Running) -> None:
    for mode in ("legacy", "auto"):
        async with attached(daemon, "project", mode=mode) as client:
            assert client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28")
            told = client.server_capabilities
            assert told.tools == types.ToolsCapability(list_changed=True), mode
            assert told.resources == types.ResourcesCapability(list_changed=True, subscribe=True), mode
            assert told.prompts == types.PromptsCapability(list_changed=False), mode
    async with bench() as it, httpx2.AsyncClient() as http:
        opened = await http.post(it.url, json=INITIALIZE, headers=HEADERS)
        said = result_of(opened)["capabilities"]
        assert said["tools"] == {"listChanged": True}, "over HTTP, where the manager makes the options"


def test_the_sdk_serves_both_eras_on_one_stream_with_these_words() -> None:
    found = inspect.signature(serve_dual_era_loop).parameters
    assert list(found)[:3] == ["server", "read_stream", "write_stream"]
    for name in ("lifespan_state", "init_options"):
        assert found[name].kind is inspect.Parameter.KEYWORD_ONLY
    needed = [n for n, p in found.items() if p.default is inspect.Parameter.empty]
    assert needed == ["server", "read_stream", "write_stream", "lifespan_state"]


def test_the_sdk_puts_nothing_but_its_tracing_before_the_handlers_of_a_server() -> None:
    """We clear what it puts there."""
    (tracing,) = ListChangedServer("bench", version="1").middleware
    assert type(tracing).__name__ == "OpenTelemetryMiddleware"


async def test_the_sdk_asks_for_one_schema_and_not_for_all_tools_before_a_call_of_the_2026_era() -> None:
    async with bench() as it, httpx2.AsyncClient() as http:
        body = modern("tools/call", name="answer", arguments={"any": 1})
        assert (await http.post(it.url, json=body, headers=modern_headers(body))).status_code == 200
        assert it.asked == ["answer"]


@ERAS
async def test_the_sdk_keeps_from_each_revision_what_only_others_know(era: str) -> None:
    """So our handlers may answer every revision alike."""
    async with bench() as it, httpx2.AsyncClient() as http:
        if era == "2026-07-28":
            body = modern("tools/call", name="answer", arguments={})
            answer = await http.post(it.url, json=body, headers=modern_headers(body))
            more = {"resultType", "_meta"}
        else:
            headers = {**HEADERS, "Mcp-Session-Id": await it.open(http)}
            body = request("tools/call", name="answer", arguments={})
            answer, more = await http.post(it.url, json=body, headers=headers), set()
        assert set(result_of(answer)) == {"content", "structuredContent", "isError"} | more


@ERAS
@pytest.mark.parametrize("is_talkative", [False, True])
async def test_the_sdk_answers_with_a_body_unless_calls_tell_of_something_before(era: str, is_talkative: bool) -> None:
    async with bench(is_talkative=is_talkative) as it, httpx2.AsyncClient() as http:
        body = modern("tools/call", name="answer", arguments={}) if era == "2026-07-28" else INITIALIZE
        headers = modern_headers(body) if era == "2026-07-28" else HEADERS
        answer = await http.post(it.url, json=body, headers=headers)
        # One of the 2026 era begins its stream only when something is told.
        is_stream = is_talkative and era == "2025-11-25"
        assert answer.headers["content-type"] == ("text/event-stream" if is_stream else "application/json")


async def test_the_sdk_leaves_the_mark_of_the_2026_era_in_an_empty_result_for_others() -> None:
    """So we put none there (rhd.mcpserver.mcp_server). Once it strips it there too, we can mark every result alike."""
    async with bench() as it, httpx2.AsyncClient() as http:
        headers = {**HEADERS, "Mcp-Session-Id": await it.open(http)}
        answer = await http.post(it.url, json=request("resources/subscribe", uri="x:y"), headers=headers)
        assert result_of(answer) == {"resultType": "complete"}


# -- listening: it judges, and leaves the rest to us ------------------------------------------------------------


async def test_the_sdk_answers_a_listener_at_once_if_its_handler_says_nothing() -> None:
    """So its request, its tasks and its buffers are gone while the stream lasts (rhd.mcpserver.streams)."""
    async with bench() as it, httpx2.AsyncClient() as http:
        body = modern("subscriptions/listen", 7, notifications={})
        answer = await http.post(it.url, json=body, headers=modern_headers(body))
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["id"] == 7
        assert answer.json()["result"]["resultType"] == "complete"


@pytest.mark.parametrize(("spoilt", "status"), [("accept", 406), ("method", 400), ("version", 400), ("meta", 400)])
async def test_the_sdk_judges_who_may_listen(spoilt: str, status: int) -> None:
    body = modern("subscriptions/listen", notifications={})
    headers = modern_headers(body)
    match spoilt:
        case "accept":
            headers["Accept"] = "application/json"
        case "method":
            body["method"] = "tools/list"
        case "version":
            headers["MCP-Protocol-Version"] = "2099-01-01"
        case "meta":
            del body["params"]["_meta"]
    async with bench() as it, httpx2.AsyncClient() as http:
        assert (await http.post(it.url, json=body, headers=headers)).status_code == status


# -- what it does when clients leave, or do not read -----------------------------------------------------------


async def test_a_call_of_the_2026_era_is_cancelled_when_its_client_leaves() -> None:
    """So work that must finish is not done in a handler."""
    async with bench() as it:
        body = modern("tools/call", name="wait", arguments={})
        await _leave_after(it.url, body, modern_headers(body), it.called)
        await it.cancelled.wait()


async def test_the_sdk_goes_on_with_a_call_of_the_handshake_era_when_its_client_leaves() -> None:
    async with bench() as it, httpx2.AsyncClient() as http:
        headers = {**HEADERS, "Mcp-Session-Id": await it.open(http)}
        await _leave_after(it.url, request("tools/call", 7, name="wait", arguments={}), headers, it.called)
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
        assert not it.cancelled.is_set()
        assert (await http.post(it.url, json=cancel, headers=headers)).status_code == 202
        await it.cancelled.wait()


async def _leave_after(url: str, body: dict[str, Any], headers: dict[str, str], event: trio.Event) -> None:
    """Send a request and close the connection once `event` is set."""
    async with await _send(url, "POST", headers, json.dumps(body).encode()):
        await event.wait()


async def _send(url: str, method: str, headers: dict[str, str], body: bytes = b"") -> trio.SocketStream:
    """Send a request whose answer may never be read."""
    sock = trio.socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    parts = httpx2.URL(url)
    await sock.connect((parts.host, parts.port))
    lines = [f"{method} {parts.path} HTTP/1.1", f"Host: {parts.host}:{parts.port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    stream = trio.SocketStream(sock)
    await stream.send_all("\r\n".join([*lines, "", ""]).encode() + body)
    return stream


def test_its_streams_have_no_timers_of_their_own() -> None:
    assert EventSourceResponse(content=iter(())).ping_interval == 0


@ERAS
async def test_a_client_that_does_not_read_holds_up_neither_publisher_nor_others_nor_the_end(
    tmp_path: Path, repository: Repository, era: str
) -> None:
    with trio.fail_after(2 * WITHIN_S):
        async with running_rooms(tmp_path / "rhd.db") as rooms, trio.open_nursery() as nursery:
            adopted = (await rooms.adopt(repository)).repo
            assert adopted is not None
            notifier = Notifier(rooms.registry, rooms.services, rooms.store)
            await nursery.start(notifier.run)
            context = ToolContext(rooms.registry, rooms.services, rooms.store, rooms.audit, KEY)
            server = make_server(context, notifier, lambda: adopted)
            sessions = Sessions(server, SessionRecords(rooms.store, adopted.id), on_stream=notifier.on_stream)
            principal = Principal("g", "g", {adopted.id: frozenset({"planner"})}, is_owner=False)
            caller = Caller("g", "g", False, lambda: principal)

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await sessions.serve(caller, "client", {**scope, CALLER_KEY: caller}, receive, send)

            async with sessions.run(), served(lambda port: app) as url, httpx2.AsyncClient() as http:
                stuck = await _listen_without_reading(url + "/mcp", era, http)
                while not notifier._listeners:
                    await trio.lowlevel.checkpoint()
                (listener,) = notifier._listeners
                await _publish_until_stuck(listener.put, lambda: len(listener.due))
                body = modern("tools/list", 5)
                answer = await http.post(url + "/mcp", json=body, headers=modern_headers(body))
                assert answer.status_code == 200
            await stuck.aclose()
            nursery.cancel_scope.cancel()


async def _listen_without_reading(url: str, era: str, http: httpx2.AsyncClient) -> trio.SocketStream:
    if era == "2026-07-28":
        body = modern("subscriptions/listen", notifications={"resourceSubscriptions": ["x:"]})
        return await _send(url, "POST", modern_headers(body), json.dumps(body).encode())
    opened = await http.post(url, json=INITIALIZE, headers=HEADERS)
    headers = {**HEADERS, "Mcp-Session-Id": opened.headers["mcp-session-id"]}
    assert (await http.post(url, json=INITIALIZED, headers=headers)).status_code == 202
    return await _send(url, "GET", headers)


async def _publish_until_stuck(put: Callable[[Event], None], pending: Callable[[], int]) -> None:
    """Publish, giving every client time to send, until what is pending only grows."""
    before = 0
    for number in range(10_000):
        put(Event("updated", f"x:{number}:{'y' * 65536}"))
        await trio.testing.wait_all_tasks_blocked(0.001)
        if pending() - before > 8:
            return
        before = pending() if pending() == 0 else before
    raise AssertionError("a client that does not read was never stuck")


# -- and around it ---------------------------------------------------------------------------------------------


async def test_a_token_for_one_endpoint_is_refused_at_every_other(daemon: Running, tmp_path: Path) -> None:
    other = await daemon.adopt(Repository.make(tmp_path / "other").path)
    places = {"/mcp": None, "/r/project/mcp": "project", f"/r/{other}/mcp": other}
    for path, resource in places.items():
        _, token = await grant(daemon, {resource or "project": ["planner"]}, resource=resource)
        async with httpx2.AsyncClient(headers={**HEADERS, "Authorization": f"Bearer {token}"}) as http:
            for place in places:
                answer = await http.post(daemon.url + place, json=request("tools/list"))
                assert answer.status_code == (200 if place == path else 401), (path, place)
