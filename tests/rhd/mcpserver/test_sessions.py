"""The sessions of the handshake era, over real HTTP: an endpoint behind the daemon's own serving, callers by name."""

from __future__ import annotations

import gc
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio

from rhd.access import Principal
from rhd.asgi import Receive, Scope, Send
from rhd.mcpserver.callers import CALLER_KEY, Caller
from rhd.mcpserver.mcp_server import make_server
from rhd.mcpserver.notifier import Notifier
from rhd.mcpserver.sdk import has_session, session_count
from rhd.mcpserver.session_records import MAX_OF_GRANT, MAX_PARAMETER_BYTES, SessionRecords
from rhd.mcpserver.sessions import Sessions
from rhd.mcpserver.streams import PING
from rhd.mcpserver.tool_context import ToolContext
from rhd.repos.registry import Repo
from tests.support.inprocess import Running
from tests.support.made_grants import grant
from tests.support.repositories import Repository
from tests.support.running_repos import KEY, Rooms, running_rooms
from tests.support.served import served
from tests.support.waiting import until

WITHIN_S = 10
CAP = 3
_numbers = itertools.count(100)
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
URI = "repo-harness://project/docs/spec.md"


def request(method: str, number: int = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


INITIALIZE = request(
    "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "t", "version": "1"}
)
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


@dataclass
class Endpoint:
    """One endpoint at a URL; the caller that `X-Caller` names is admitted."""

    url: str
    sessions: Sessions
    http: httpx2.AsyncClient
    notifier: Notifier

    def headers(self, session_id: str | None, caller: str) -> dict[str, str]:
        return {**ACCEPT, "X-Caller": caller} | ({"Mcp-Session-Id": session_id} if session_id else {})

    async def post(self, body: Any, session_id: str | None = None, caller: str = "one") -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.http.post(self.url, content=content, headers=self.headers(session_id, caller))

    async def send(self, method: str, session_id: str | None = None, caller: str = "one") -> httpx2.Response:
        return await self.http.request(method, self.url, headers=self.headers(session_id, caller))

    async def open(self, caller: str = "one", session_id: str | None = None) -> str:
        """Open a session and return its id."""
        answer = await self.post(INITIALIZE, session_id, caller)
        assert result(answer)["protocolVersion"] == "2025-11-25"
        opened = answer.headers["mcp-session-id"]
        assert (await self.post(INITIALIZED, opened, caller)).status_code == 202
        return str(opened)

    @asynccontextmanager
    async def stream(self, session_id: str, caller: str = "one") -> AsyncIterator[AsyncIterator[bytes]]:
        """Yield the bytes of a session's stream, once its first byte has come."""
        headers = self.headers(session_id, caller)
        async with self.http.stream("GET", self.url, headers=headers) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            chunks = answer.aiter_raw()
            with trio.fail_after(WITHIN_S):  # the first ping comes after up to 15 s
                assert (await anext(chunks)).startswith(b": ")
            yield chunks

    async def is_open(self, session_id: str) -> bool:
        """Say whether the session answers as itself."""
        answer = await self.post(request("ping", next(_numbers)), session_id)
        assert answer.status_code == 200
        return bool(answer.headers.get("mcp-session-id") == session_id)


def result(answer: httpx2.Response) -> Any:
    """Return the result that an answer carries, as JSON or as the only event of a stream."""
    assert answer.status_code == 200, answer.text
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        (text,) = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return json.loads(text)["result"]


def refusal(answer: httpx2.Response) -> int:
    """Return the status of a refusal, which is JSON whatever it refuses."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["message"]
    return int(answer.status_code)


@dataclass
class Daemon:
    """What outlives an endpoint: rooms below it, and how it is served."""

    rooms: Rooms
    adopted: Repo
    living: set[str]

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Endpoint]:
        """Serve the repository as a daemon would that has just started; it holds at most three sessions in the SDK."""
        rooms, adopted = self.rooms, self.adopted
        async with trio.open_nursery() as nursery:
            context = ToolContext(rooms.registry, rooms.services, rooms.store, rooms.audit, KEY)
            notifier = Notifier(rooms.registry, rooms.services, rooms.store)
            server = make_server(context, notifier, lambda: adopted)
            records = SessionRecords(rooms.store, adopted.id)
            sessions = Sessions(server, records, on_stream=notifier.on_stream, max_open=CAP)
            await nursery.start(notifier.run)

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                name = dict(scope["headers"])[b"x-caller"].decode()
                principal = Principal(name, name, {adopted.id: frozenset({"planner"})}, is_owner=False)
                caller = Caller(name, name, False, lambda: principal if name in self.living else None)
                await sessions.serve(caller, "client", {**scope, CALLER_KEY: caller}, receive, send)

            async with sessions.run(), served(lambda port: app) as url, httpx2.AsyncClient(timeout=WITHIN_S) as http:
                yield Endpoint(url + "/mcp", sessions, http, notifier)
            nursery.cancel_scope.cancel()


@pytest.fixture
async def daemon_rooms(tmp_path: Path, repository: Repository) -> AsyncIterator[Daemon]:
    async with running_rooms(tmp_path / "rhd.db") as rooms:
        adopted = (await rooms.adopt(repository)).repo
        assert adopted is not None
        yield Daemon(rooms, adopted, {"one", "two"})


@pytest.fixture
async def endpoint(daemon_rooms: Daemon) -> AsyncIterator[Endpoint]:
    """Serves one repository to callers of one grant each."""
    async with daemon_rooms.serve() as endpoint:
        yield endpoint


def held(endpoint: Endpoint) -> int:
    """Return how many sessions the SDK holds."""
    return session_count(endpoint.sessions._kept)


# -- opening -------------------------------------------------------------------------------------------------


async def test_initialize_opens_a_new_session_whatever_id_it_carries(endpoint: Endpoint) -> None:
    first = await endpoint.open()
    second = await endpoint.open(session_id=first)
    third = await endpoint.open(session_id="an-id-of-a-daemon-before")
    assert len({first, second, third, "an-id-of-a-daemon-before"}) == 4
    assert await endpoint.is_open(first), "the session whose id was carried goes on"


async def test_beyond_what_the_sdk_holds_the_session_that_was_not_used_for_longest_waits_as_a_row(
    endpoint: Endpoint,
) -> None:
    streaming, idle, used = [await endpoint.open() for _ in range(CAP)]
    async with endpoint.stream(streaming):
        assert await endpoint.is_open(idle)
        assert await endpoint.is_open(used)
        newest = await endpoint.open()
        assert held(endpoint) == CAP
        assert endpoint.sessions.count() == CAP + 1
        for session_id in (used, newest, idle, streaming):
            assert await endpoint.is_open(session_id), "it is opened again when it is used"
        assert held(endpoint) == CAP


async def test_a_session_of_the_same_grant_makes_room_first(endpoint: Endpoint) -> None:
    theirs = await endpoint.open("two")
    mine = [await endpoint.open() for _ in range(2 * CAP)]
    (kept,) = endpoint.sessions._records.living("two")
    assert kept.sdk_id is not None
    assert has_session(endpoint.sessions._kept, kept.sdk_id), "the other grant's was used least recently, and stays"
    assert [await endpoint.is_open(s) for s in mine] == [True] * 2 * CAP
    assert (await endpoint.post(request("ping"), theirs, "two")).headers["mcp-session-id"] == theirs


async def test_a_grant_at_its_limit_loses_its_own_least_recently_used_session(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.mcpserver.sessions.MAX_OF_GRANT", 2)
    theirs = await endpoint.open("two")
    first, second = await endpoint.open(), await endpoint.open()
    assert await endpoint.is_open(first)
    third = await endpoint.open()
    assert refusal(await endpoint.send("GET", second)) == 404
    assert refusal(await endpoint.post(request("ping"), second)) == 404
    assert [await endpoint.is_open(s) for s in (first, third)] == [True, True]
    assert (await endpoint.post(request("ping"), theirs, "two")).headers["mcp-session-id"] == theirs


@pytest.mark.parametrize("size", [MAX_PARAMETER_BYTES, 100_000])
async def test_parameters_too_large_to_keep_open_no_session(endpoint: Endpoint, size: int) -> None:
    body = request("initialize", **{**INITIALIZE["params"], "x": "y" * size})
    answer = await endpoint.post(body)
    assert result(answer)["protocolVersion"] == "2025-11-25"
    assert "mcp-session-id" not in answer.headers
    assert endpoint.sessions.count() == 0


# -- outliving the daemon, and the SDK's idle end ---------------------------------------------------------------


async def idle_end(endpoint: Endpoint) -> None:
    """End every session in the SDK, as its idle limit does."""
    for transport in list(endpoint.sessions._kept._server_instances.values()):
        transport.idle_scope.cancel()
    await until(lambda: held(endpoint) == 0)


@pytest.mark.parametrize("end", ["a restart", "an idle end", "a crash in the SDK"])
@pytest.mark.parametrize("first", ["GET", "subscribe", "ping"])
async def test_a_session_goes_on_after(daemon_rooms: Daemon, repository: Repository, end: str, first: str) -> None:
    async with AsyncExitStack() as stack:
        endpoint = await stack.enter_async_context(daemon_rooms.serve())
        session_id = await endpoint.open()
        assert result(await endpoint.post(request("resources/subscribe", uri=URI), session_id)) == {}
        gone = f"{URI}x"
        for method in ("resources/subscribe", "resources/unsubscribe"):
            assert result(await endpoint.post(request(method, uri=gone), session_id)) == {}
        if end == "a restart":
            await stack.aclose()
            endpoint = await stack.enter_async_context(daemon_rooms.serve())
        elif end == "an idle end":
            await idle_end(endpoint)
        else:
            for transport in list(endpoint.sessions._kept._server_instances.values()):
                await transport.terminate()
        assert endpoint.sessions.count() == 1
        if first == "ping":
            assert await endpoint.is_open(session_id)
        elif first == "subscribe":
            assert result(await endpoint.post(request("resources/subscribe", uri=URI), session_id)) == {}
        async with endpoint.stream(session_id) as chunks:
            (repository.path / "docs/spec.md").write_text("changed\n")
            daemon_rooms.rooms.services.get(daemon_rooms.adopted.id).hint(None, "test")
            with trio.fail_after(WITHIN_S):
                seen = b""
                while URI.encode() not in seen:
                    seen += await anext(chunks)
            assert gone.encode() not in seen
        assert (await endpoint.send("DELETE", session_id)).status_code == 200
        assert refusal(await endpoint.send("GET", session_id)) == 404


async def test_a_session_that_ended_is_gone_after_a_restart_too_and_unknown_a_day_later(
    daemon_rooms: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with daemon_rooms.serve() as endpoint:
        session_id = await endpoint.open()
        assert (await endpoint.send("DELETE", session_id)).status_code == 200
    async with daemon_rooms.serve() as endpoint:
        assert refusal(await endpoint.post(request("tools/list"), session_id)) == 404
        assert refusal(await endpoint.send("DELETE", session_id)) == 404
    monkeypatch.setattr("rhd.mcpserver.session_records.ENDED_S", -1)
    async with daemon_rooms.serve() as endpoint:
        assert result(await endpoint.post(request("tools/list"), session_id))["tools"]


async def test_many_requests_of_a_session_that_waits_open_it_once(endpoint: Endpoint) -> None:
    session_id = await endpoint.open()
    await idle_end(endpoint)
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(endpoint.is_open, session_id)
    assert held(endpoint) == 1


async def test_any_two_ends_of_a_session_at_once_leave_the_endpoint_serving(endpoint: Endpoint) -> None:
    """DELETE, eviction, an idle end and the end of its grant, each beside each other and beside its opening again."""
    ends = {
        "delete": lambda s: endpoint.send("DELETE", s),
        "evict": lambda s: endpoint.open(),
        "idle": lambda s: idle_end(endpoint),
        "grant": lambda s: endpoint.sessions.end_of("one"),
        "use": lambda s: endpoint.post(request("ping", next(_numbers)), s),
        "stream": lambda s: endpoint.send("GET", s),
    }
    for one, other in itertools.combinations_with_replacement(ends.values(), 2):
        session_id = await endpoint.open()
        for _ in range(CAP):
            await endpoint.open("two")
        with trio.move_on_after(0.05):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one, session_id)
                nursery.start_soon(other, session_id)
        await endpoint.sessions.end_of("one")
        await endpoint.sessions.end_of("two")
    assert await endpoint.is_open(await endpoint.open())
    assert endpoint.sessions.count() == held(endpoint) == 1


async def test_if_all_sessions_hold_a_stream_initialize_is_answered_without_an_id(endpoint: Endpoint) -> None:
    opened = [await endpoint.open() for _ in range(CAP)]
    async with AsyncExitStack() as stack:
        for session_id in opened:
            await stack.enter_async_context(endpoint.stream(session_id))
        answer = await endpoint.post(INITIALIZE)
        assert result(answer)["serverInfo"]["name"] == "repo-harness"
        assert "mcp-session-id" not in answer.headers
        assert (await endpoint.post(INITIALIZED)).status_code == 202
        assert result(await endpoint.post(request("tools/list")))["tools"]
        assert [await endpoint.is_open(s) for s in opened] == [True] * CAP


async def test_a_burst_of_clients_is_served_to_the_last(endpoint: Endpoint) -> None:
    answers: list[httpx2.Response] = []

    async def initialize() -> None:
        answers.append(await endpoint.post(INITIALIZE))

    async with trio.open_nursery() as nursery:
        for _ in range(8 * CAP):
            nursery.start_soon(initialize)
    assert [answer.status_code for answer in answers] == [200] * 8 * CAP, "none is refused for lack of room"
    assert endpoint.sessions.count() <= MAX_OF_GRANT
    assert held(endpoint) <= CAP


async def test_attempts_to_initialize_that_fail_never_use_up_the_room(endpoint: Endpoint) -> None:
    for body in [request("initialize"), [INITIALIZE], {"method": "initialize"}] * CAP:
        assert "error" in (await endpoint.post(body)).text
    opened = await endpoint.open()
    assert await endpoint.is_open(opened)
    assert held(endpoint) == endpoint.sessions.count() == 1


# -- without a session, or with one that is not known --------------------------------------------------------


@pytest.mark.parametrize("session_id", [None, "an-id-of-a-daemon-before"])
async def test_a_call_without_a_known_session_is_served_all_the_same(
    endpoint: Endpoint, session_id: str | None
) -> None:
    called = await endpoint.post(request("tools/call", name="harness_status", arguments={}), session_id)
    assert result(called)["structuredContent"]["repo"] == "project"
    assert "mcp-session-id" not in called.headers
    assert (await endpoint.post(INITIALIZED, session_id)).status_code == 202
    assert endpoint.sessions.count() == 0


@pytest.mark.parametrize("session_id", [None, "an-id-of-a-daemon-before"])
async def test_listening_without_a_known_session_is_not_found_so_that_the_client_initializes_again(
    endpoint: Endpoint, session_id: str | None
) -> None:
    for method in ("resources/subscribe", "resources/unsubscribe"):
        assert refusal(await endpoint.post(request(method, uri=URI), session_id)) == 404


async def test_a_stream_or_an_end_needs_a_session(endpoint: Endpoint) -> None:
    for method in ("GET", "DELETE"):
        answer = await endpoint.send(method)
        assert refusal(answer) == 405
        assert answer.headers["allow"] == "POST"
        assert refusal(await endpoint.send(method, "an-id-of-a-daemon-before")) == 404


@pytest.mark.parametrize("kind", ["no session", "a session", "the 2026 era"])
async def test_a_probe_that_is_no_request_is_refused_as_json(endpoint: Endpoint, kind: str) -> None:
    headers = endpoint.headers(await endpoint.open() if kind == "a session" else None, "one")
    if kind == "the 2026 era":
        headers["MCP-Protocol-Version"] = "2026-07-28"
    for body in (b"", b"{}", b"[]", b"null", b"\xff", b'{"jsonrpc":"2.0"', b"[" * 100_000):
        assert refusal(await endpoint.http.post(endpoint.url, content=body, headers=headers)) == 400, body[:20]


@pytest.mark.parametrize("kind", ["no session", "a session", "the 2026 era"])
async def test_a_request_that_cannot_be_served_is_answered_under_its_id(endpoint: Endpoint, kind: str) -> None:
    headers = endpoint.headers(await endpoint.open() if kind == "a session" else None, "one")
    if kind == "the 2026 era":
        headers |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "ping"}
    bodies: dict[bytes, str | int | None] = {
        b'{"jsonrpc":"2.0","id":7,"method":"ping"': 7,
        b'{"jsonrpc":"2.0","id":"a","method":"ping","params":{"x":"\\ud800"}}': "a",
        b'{"jsonrpc":"2.0","id":7,"method":"ping","params":' + b"[" * 9000 + b"]" * 9000 + b"}": 7,
        b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":[' + b"1," * 30_000 + b"1]}}": 7,
        b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[1]}': 7,
        b'{"id":7,"method":"ping"}': 7,
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}': None,
        b'{"jsonrpc":"2.0","id":true,"method":"ping"}': None,
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}': None,
    }
    for body, id_ in bodies.items():
        answer = await endpoint.http.post(endpoint.url, content=body, headers=headers)
        assert refusal(answer) == 400, body[:60]
        assert answer.json()["id"] == id_, body[:60]


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"MCP-Protocol-Version": "2026-07-28"}, 405),
        ("DELETE", {"MCP-Protocol-Version": "2026-07-28"}, 405),
        ("POST", {"MCP-Protocol-Version": "2026-07-28", "Content-Type": "text/plain"}, 400),
        ("POST", {"MCP-Protocol-Version": "2026-07-28", "Accept": "text/html"}, 406),
        ("POST", {"Content-Type": "text/plain"}, 400),
        ("POST", {"Accept": "text/html"}, 406),
        ("POST", {"Mcp-Session-Id": "none"}, 404),
    ],
)
async def test_every_refusal_is_json_under_the_id(
    endpoint: Endpoint, method: str, headers: dict[str, str], status: int
) -> None:
    asked = "resources/subscribe" if status == 404 else "ping"
    body = json.dumps(request(asked, 7, uri=URI)).encode() if method == "POST" else b""
    sent = {**endpoint.headers(None, "one"), **headers}
    answer = await endpoint.http.request(method, endpoint.url, content=body, headers=sent)
    assert refusal(answer) == status
    assert answer.json()["id"] == (7 if method == "POST" else None)


async def test_a_byte_order_mark_and_a_media_type_in_capitals_are_passed_over(endpoint: Endpoint) -> None:
    session_id = await endpoint.open()
    for opened in (session_id, None):
        headers = {**endpoint.headers(opened, "one"), "Content-Type": "Application/JSON; Charset=UTF-8"}
        body = b"\xef\xbb\xbf" + json.dumps(request("tools/list")).encode()
        answer = await endpoint.http.post(endpoint.url, content=body, headers=headers)
        assert result(answer)["tools"]
    modern = {**CHATGPT_HEADERS, "X-Caller": "one", "Content-Type": "APPLICATION/JSON"}
    body = b"\xef\xbb\xbf" + json.dumps(CHATGPT_DISCOVER).encode()
    assert result(await endpoint.http.post(endpoint.url, content=body, headers=modern))["supportedVersions"]


# -- whose session it is -------------------------------------------------------------------------------------


async def test_a_session_of_another_grant_is_unknown(endpoint: Endpoint) -> None:
    """CVE-2026-52869: an id is no credential."""
    theirs = await endpoint.open("one")
    called = await endpoint.post(request("tools/list"), theirs, "two")
    assert result(called)["tools"]
    assert "mcp-session-id" not in called.headers, "served, but not in the other's session"
    for method in ("GET", "DELETE"):
        refused, unknown = [await endpoint.send(method, s, "two") for s in (theirs, "an-id-of-nobody")]
        assert refusal(refused) == 404
        assert refused.content == unknown.content
    assert refusal(await endpoint.post(request("resources/subscribe", uri=URI), theirs, "two")) == 404
    assert await endpoint.is_open(theirs)


async def test_the_end_of_a_grant_ends_its_sessions_and_streams_and_nobody_elses(endpoint: Endpoint) -> None:
    mine, theirs = await endpoint.open("one"), await endpoint.open("two")
    async with endpoint.stream(mine) as chunks:
        await endpoint.sessions.end_of("one")
        with trio.fail_after(WITHIN_S):
            assert [chunk async for chunk in chunks if not chunk.startswith(b": ")] == []
    assert refusal(await endpoint.send("GET", mine)) == 404
    async with endpoint.stream(theirs, "two"):
        assert endpoint.sessions.count() == 1


# -- ending --------------------------------------------------------------------------------------------------


async def test_delete_ends_a_session_and_its_stream(endpoint: Endpoint) -> None:
    session_id = await endpoint.open()
    async with endpoint.stream(session_id) as chunks:
        assert (await endpoint.send("DELETE", session_id)).status_code == 200
        with trio.fail_after(WITHIN_S):
            assert [chunk async for chunk in chunks if not chunk.startswith(b": ")] == []
    assert endpoint.sessions.count() == 0


async def test_a_session_that_its_client_has_ended_is_gone_for_that_client(endpoint: Endpoint) -> None:
    session_id = await endpoint.open()
    assert (await endpoint.send("DELETE", session_id)).status_code == 200
    assert refusal(await endpoint.post(request("tools/list"), session_id)) == 404
    assert refusal(await endpoint.send("GET", session_id)) == 404
    assert refusal(await endpoint.send("DELETE", session_id)) == 404
    assert result(await endpoint.post(request("tools/list"), session_id, "two"))["tools"], "unknown to others"
    assert await endpoint.open(session_id=session_id) != session_id


async def test_a_request_whose_session_ends_while_it_is_being_sent_is_told_so(endpoint: Endpoint) -> None:
    session_id = await endpoint.open()
    body = json.dumps(request("tools/list")).encode()
    head = "".join(f"{k}: {v}\r\n" for k, v in endpoint.headers(session_id, "one").items())
    stream = await trio.open_tcp_stream("127.0.0.1", httpx2.URL(endpoint.url).port)
    async with stream:
        await stream.send_all(
            f"POST /mcp HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:5]
        )
        assert (await endpoint.send("DELETE", session_id)).status_code == 200
        await stream.send_all(body[5:])
        with trio.fail_after(WITHIN_S):
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 404 ")


async def test_a_session_subscribes_and_holds_one_stream(endpoint: Endpoint) -> None:
    session_id = await endpoint.open()
    async with endpoint.stream(session_id):
        assert result(await endpoint.post(request("resources/subscribe", uri=URI), session_id)) == {}
        assert result(await endpoint.post(request("resources/unsubscribe", uri=URI), session_id)) == {}
        assert refusal(await endpoint.send("GET", session_id)) == 409, "one stream a session"


async def test_the_notifier_pings_the_streams_of_sessions(endpoint: Endpoint) -> None:
    session_id = await endpoint.open()
    for _ in range(2):  # the session's next stream too
        async with endpoint.stream(session_id) as chunks:
            for _ in range(2):
                await trio.testing.wait_all_tasks_blocked(0.01)  # it is listened on
                await endpoint.notifier.ping()
                with trio.fail_after(WITHIN_S):
                    while await anext(chunks) != PING:
                        pass
        await trio.testing.wait_all_tasks_blocked(0.01)  # its end was noticed


# -- ChatGPT, to the letter of what it sends ------------------------------------------------------------------

CHATGPT_HEADERS: Mapping[str, str] = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "Mcp-Protocol-Version": "2026-07-28",
    "Mcp-Method": "server/discover",
}
CHATGPT_DISCOVER = {
    "jsonrpc": "2.0",
    "id": "openai-mcp-discover",
    "method": "server/discover",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "openai-mcp", "version": "1.0.0"},
            "io.modelcontextprotocol/clientCapabilities": {
                "experimental": {"openai/visibility": {"enabled": True}},
                "extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}},
            },
        }
    },
}


@pytest.mark.parametrize("place", ["hub", "repository"])
async def test_chatgpt_finds_what_its_first_question_is_told(daemon: Running, place: str) -> None:
    """The version that the answer names must be in it, and must work without a session; else the scan ends."""
    url = f"{daemon.url}/mcp" if place == "hub" else f"{daemon.url}/r/project/mcp"
    _, token = await grant(daemon, {"project": ["planner"]}, resource=None if place == "hub" else "project")
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        answer = await http.post(url, json=CHATGPT_DISCOVER, headers=CHATGPT_HEADERS)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["id"] == "openai-mcp-discover"
        said = result(answer)
        assert (said["resultType"], said["supportedVersions"]) == ("complete", ["2026-07-28"])
        assert said["capabilities"]["tools"] == {"listChanged": True}
        assert said["capabilities"]["prompts"] == {"listChanged": False}
        assert len(said["instructions"]) <= 512
        for number, method in enumerate(["tools/list", "resources/list", "prompts/list"]):
            asked = {**CHATGPT_DISCOVER, "id": number, "method": method}
            listed = result(await http.post(url, json=asked, headers={**CHATGPT_HEADERS, "Mcp-Method": method}))
            assert listed[method.partition("/")[0]]
        again = await http.post(url, json=INITIALIZE, headers=ACCEPT)
        assert result(again)["protocolVersion"] == "2025-11-25", "and it may fall back"


async def waiting(endpoint: Endpoint, session_id: str, wait_s: int) -> dict[str, Any]:
    """Return a call that waits for a change, with the id 7."""
    now = result(await endpoint.post(request("tools/call", name="list_workflow_changes", arguments={}), session_id))
    arguments = {"since": now["structuredContent"]["cursor"], "wait_s": wait_s}
    return request("tools/call", 7, name="list_workflow_changes", arguments=arguments)


# The SDK leaves a stream of a session that it ends to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function MemoryObject:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("end", ["delete", "the grant ends"])
async def test_a_request_in_progress_whose_session_ends_is_answered_under_its_id(endpoint: Endpoint, end: str) -> None:
    session_id = await endpoint.open()
    body = await waiting(endpoint, session_id, 20)
    answers: list[httpx2.Response] = []

    async def call() -> None:
        answers.append(await endpoint.post(body, session_id))

    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await until(lambda: any(session.active for session in endpoint.sessions._records.living()))
            await trio.testing.wait_all_tasks_blocked(0.05)
            if end == "delete":
                assert (await endpoint.send("DELETE", session_id)).status_code == 200
            else:
                await endpoint.sessions.end_of("one")
    assert refusal(answers[0]) == 404
    assert answers[0].json()["id"] == 7
    gc.collect()  # while the warning is passed over


async def test_two_requests_of_one_id_at_once_are_both_answered(endpoint: Endpoint) -> None:
    session_id = await endpoint.open()
    first = await waiting(endpoint, session_id, 1)
    answers: list[httpx2.Response] = []

    async def call(body: dict[str, Any]) -> None:
        answers.append(await endpoint.post(body, session_id))

    with trio.fail_after(WITHIN_S):
        async with trio.open_nursery() as nursery:
            for body in (first, request("ping", 7)):
                nursery.start_soon(call, body)
                await trio.testing.wait_all_tasks_blocked(0.05)
    assert [answer.json()["id"] for answer in answers] == [7, 7]
    assert ["result" in answer.json() for answer in answers] == [True, True]
