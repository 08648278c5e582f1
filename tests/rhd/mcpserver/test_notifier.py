"""What every client is told, as the official client of each era hears it: over HTTP, on both endpoints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from mcp.shared.exceptions import MCPError

from rhd.ids import Cursor
from rhd.mcpserver import delivered_positions
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.listeners import Event, Listener
from rhd.mcpserver.notifier import MAX_STREAMS_PER_CALLER
from rhd.repos.change_log import ChangeLog
from rhd.store.change_rows import read_delivered
from tests.support.attached import attached, told
from tests.support.inprocess import Running, running_daemon
from tests.support.made_grants import connected, grant
from tests.support.notifications import Ears, hearing, subscribe
from tests.support.repositories import Repository
from tests.support.waiting import until

MODERN, HANDSHAKE = "2026-07-28", "legacy"
MODES = pytest.mark.parametrize("mode", [MODERN, HANDSHAKE])
PLACES = pytest.mark.parametrize("place", ["hub", "repository", "socket"])
PRD = "plans/prds/20261101-0900-search.prd.md"
PRD_URI = f"repo-harness://project/{PRD}"


async def connection(daemon: Running, place: str, *profiles: str) -> tuple[str, Any]:
    """Return a grant's id and what connects a client with it to a place."""
    if place == "socket":
        return "", partial(attached, daemon, "project", profile=profiles[0] if profiles else None)
    grant_id, token = await grant(
        daemon, {"project": profiles or ("planner",)}, resource=None if place == "hub" else "project"
    )
    path = "/mcp" if place == "hub" else "/r/project/mcp"
    return grant_id, partial(connected, daemon.url + path, token)


async def settle(daemon: Running, repository: Repository) -> None:
    """Return once everything that happened to a repository is announced."""
    repo = daemon.context.registry.by_path(str(repository.path))
    assert repo is not None
    await daemon.context.services.get(repo.id).settle()


async def miss_a_change(daemon: Running, repository: Repository, connect: Any) -> None:
    """Have a client listen and leave, and a resource change while it is away."""
    async with hearing(connect, MODERN, PRD_URI):
        pass
    await until(lambda: not daemon.context.notifier._listeners)
    repository.write(PRD, "# Search\n\nDifferent.\n")
    await settle(daemon, repository)


def listen_body(**notifications: Any) -> bytes:
    """Return a request of the 2026 era for a stream, as it goes over the wire."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "bare", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"notifications": notifications, "_meta": meta}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}).encode()


def listen_head(daemon: Running, token: str, body: bytes) -> bytes:
    return (
        f"POST /mcp HTTP/1.1\r\nHost: {daemon.url.removeprefix('http://')}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        f"MCP-Protocol-Version: {MODERN}\r\nMcp-Method: subscriptions/listen\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()


@MODES
@PLACES
async def test_a_change_on_disk_is_told_to_whoever_listens(
    daemon: Running, repository: Repository, place: str, mode: str
) -> None:
    _, connect = await connection(daemon, place)
    async with hearing(connect, mode, PRD_URI) as ears:
        repository.write(PRD, "# Search\n\nDifferent.\n")
        await ears.hear_updated(PRD_URI)
        assert "Different" in told(await ears.client.call_tool("read_workflow_file", {"path": PRD}))["content"]
        repository.write("plans/prds/another.prd.md", "# Another\n")
        await ears.hear(("resources", None))
        assert ("updated", "repo-harness://project/plans/prds/another.prd.md") not in ears.heard  # never asked for


@MODES
@PLACES
async def test_what_a_tool_writes_is_told_once_like_any_other_change(
    daemon: Running, repository: Repository, place: str, mode: str
) -> None:
    _, connect = await connection(daemon, place)
    goal = "repo-harness://project/.ai/harness/handoff/codex-goal.md"
    async with hearing(connect, mode, goal) as ears:
        arguments = {"prd_path": PRD, "sprint_path": "plans/sprints/20261102-0900-search.sprint.md"}
        told(await ears.client.call_tool("prepare_codex_goal_from_sprint", arguments))
        await ears.hear_updated(goal)
        await settle(daemon, repository)
        repository.write("plans/prds/last.prd.md", "# Last\n")
        await ears.hear(("resources", None))
        assert ears.heard.count(("updated", goal)) == 1


@MODES
async def test_equal_bytes_are_no_change(daemon: Running, repository: Repository, mode: str) -> None:
    _, connect = await connection(daemon, "hub")
    async with hearing(connect, mode, PRD_URI) as ears:
        repository.write(PRD, repository.read(PRD))
        await settle(daemon, repository)
        repository.write("plans/prds/another.prd.md", "# Another\n")
        await ears.hear(("resources", None))
        assert ("updated", PRD_URI) not in ears.heard


@MODES
async def test_a_resource_is_told_by_the_uri_that_was_asked_for(
    daemon: Running, repository: Repository, mode: str
) -> None:
    repository.write("plans/prds/ein Plan: 計画.md", "# One\n")
    await settle(daemon, repository)
    _, connect = await connection(daemon, "hub")
    asked = "repo-harness://project/plans/prds/ein%20Plan%3a%20%e8%a8%88%E7%94%BB.md"  # lower and upper case mixed
    async with hearing(connect, mode, asked) as ears:
        repository.write("plans/prds/ein Plan: 計画.md", "# Two\n")
        await ears.hear_updated(asked)


@MODES
async def test_a_resource_whose_name_holds_a_secret_is_told_by_the_uri_that_lists_give(
    daemon: Running, repository: Repository, mode: str
) -> None:
    _, connect = await connection(daemon, "hub")
    token = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
    repository.write(f"plans/{token}.md", "# One\n")
    await settle(daemon, repository)
    uri = "repo-harness://project/plans/%5BREDACTED%3Agithub_token%5D.md"
    async with hearing(connect, mode, uri) as ears:
        repository.write(f"plans/{token}.md", "# Two\n")
        await ears.hear_updated(uri)


@MODES
async def test_what_the_profile_does_not_reach_is_not_told(daemon: Running, repository: Repository, mode: str) -> None:
    todos = "repo-harness://project/tasks/todos.md"  # the executor's, not the planner's
    _, planner = await connection(daemon, "hub")
    _, executor = await connection(daemon, "hub", "executor")
    await daemon.call("start", repo="project", profile="executor")
    async with hearing(planner, mode, todos, PRD_URI) as plans, hearing(executor, mode, todos, PRD_URI) as executes:
        repository.write("tasks/todos.md", "# Todos\n")
        await executes.hear_updated(todos)
        repository.write(PRD, "# Search\n\nDifferent.\n")
        await plans.hear_updated(PRD_URI)
        assert plans.heard == [("updated", PRD_URI)]


@MODES
@pytest.mark.parametrize("place", ["hub", "repository"])
async def test_a_wider_grant_changes_the_tools_at_once(
    daemon: Running, repository: Repository, place: str, mode: str
) -> None:
    grant_id, connect = await connection(daemon, place, "executor")
    async with hearing(connect, mode) as ears:
        before = {tool.name for tool in (await ears.client.list_tools()).tools}
        await daemon.call("grant", client=grant_id, repo="project", profile="planner")
        await ears.hear(("tools", None))
        after = {tool.name for tool in (await ears.client.list_tools()).tools}
        assert after - before == {"write_prd_from_idea", "write_checklist_sprint"}


@MODES
@PLACES
async def test_a_profile_that_is_started_or_stopped_is_told(
    daemon: Running, repository: Repository, place: str, mode: str
) -> None:
    _, connect = await connection(daemon, place)
    async with hearing(connect, mode) as ears:
        for verb in ("start", "stop"):
            await daemon.call(verb, repo="project", profile="executor")
            await ears.hear(("tools", None))  # what can be called
            await ears.hear(("resources", None))  # what can be listed


async def test_what_changes_while_a_profile_is_stopped_is_told_when_it_starts(
    daemon: Running, repository: Repository
) -> None:
    _, connect = await connection(daemon, "hub")
    async with hearing(connect, MODERN, PRD_URI) as ears:
        await daemon.call("stop", repo="project", profile="planner")
        repository.put(PRD, "# Search\n\nWhile it was stopped.\n")
        await settle(daemon, repository)
        (listener,) = daemon.context.notifier._listeners
        await until(lambda: listener.held)
        assert ("updated", PRD_URI) not in ears.heard
        await daemon.call("start", repo="project", profile="planner")
        await ears.hear_updated(PRD_URI)
        assert listener.held == {}


async def test_a_grant_that_ends_while_a_stream_is_being_asked_for_has_none(daemon: Running) -> None:
    """Between the token's check and the stream lies the request's body, which may come as slowly as it likes."""
    grant_id, token = await grant(daemon, {"project": ["planner"]})
    body = listen_body(resourcesListChanged=True)
    async with await trio.open_tcp_stream("127.0.0.1", daemon.context.port) as stream:
        await stream.send_all(listen_head(daemon, token, body) + body[:10])
        await until(lambda: daemon.context.authority.authenticate(token) is not None)
        await trio.testing.wait_all_tasks_blocked(0.05)
        await daemon.call("revoke", client=grant_id)
        await stream.send_all(body[10:])
        answer = b""
        with trio.fail_after(10):
            while b'"result"' not in answer:
                part = await stream.receive_some(65536)
                assert part, answer
                answer += part
    await until(lambda: not daemon.context.notifier._listeners)


async def test_a_stream_is_acknowledged_before_it_is_told_what_it_missed(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was missed can be thousands of changes of a hundred repositories; a client waits for the acknowledgement."""
    _, token = await grant(daemon, {"project": ["planner"]})
    looking = trio.Event()

    async def look(*_: Any, **__: Any) -> Any:
        looking.set()
        await trio.sleep_forever()

    monkeypatch.setattr(delivered_positions.DeliveredPositions, "of", look)
    body = listen_body(resourceSubscriptions=[PRD_URI])
    async with await trio.open_tcp_stream("127.0.0.1", daemon.context.port) as stream:
        await stream.send_all(listen_head(daemon, token, body) + body)
        with trio.fail_after(10):
            await looking.wait()
            answer = b""
            while b"acknowledged" not in answer:
                answer += await stream.receive_some(65536)


async def test_streams_end_with_their_grant(daemon: Running, repository: Repository) -> None:
    grant_id, connect = await connection(daemon, "hub")
    async with hearing(connect, MODERN, PRD_URI) as ears:
        await daemon.call("revoke", client=grant_id)
        with trio.fail_after(10):
            await ears.ended.wait()
        repository.write(PRD, "# Search\n\nDifferent.\n")
        await settle(daemon, repository)
        assert ears.heard == []


async def test_sessions_end_with_their_grant(daemon: Running, repository: Repository) -> None:
    grant_id, connect = await connection(daemon, "hub")
    _, other = await connection(daemon, "hub")
    async with hearing(other, HANDSHAKE, PRD_URI) as stays:
        async with hearing(connect, HANDSHAKE, PRD_URI) as ears:
            await daemon.call("revoke", client=grant_id)
            repository.write(PRD, "# Search\n\nDifferent.\n")
            await stays.hear_updated(PRD_URI)
            assert ears.heard == []
            with pytest.raises(MCPError), trio.fail_after(10):
                await ears.client.list_tools()


async def test_a_stream_ends_with_the_token_that_opened_it(daemon: Running) -> None:
    _, token = await grant(daemon, {"project": ["planner"]}, lasts_s=0.5)
    async with hearing(partial(connected, f"{daemon.url}/mcp", token), MODERN) as ears:
        with trio.fail_after(20):
            await ears.ended.wait()
        assert ears.end == "graceful"  # its client comes back with a fresh token


async def test_a_dropped_passphrase_ends_the_streams_that_it_had_opened(daemon: Running) -> None:
    _, connect = await connection(daemon, "hub")
    async with hearing(connect, MODERN) as ears:
        await daemon.call("passphrase", repo="project", action="rotate", drop=True)
        with trio.fail_after(10):
            await ears.ended.wait()


async def test_draining_tells_streams_to_come_back(daemon: Running) -> None:
    _, connect = await connection(daemon, "hub")
    async with hearing(connect, MODERN) as ears:
        daemon.context.notifier.drain()
        with trio.fail_after(10):
            await ears.ended.wait()
        assert ears.end == "graceful"


@MODES
async def test_a_client_that_knows_a_cursor_is_told_what_changed_since(
    daemon: Running, repository: Repository, mode: str
) -> None:
    _, connect = await connection(daemon, "hub")
    async with connect(mode=mode) as client:
        cursor = told(await client.call_tool("list_workflow_changes", {}))["cursor"]
    repository.write(PRD, "# Search\n\nDifferent.\n")
    await settle(daemon, repository)
    _, other = await connection(daemon, "hub")  # which the daemon has never told anything
    async with hearing(other, mode, PRD_URI, cursors={"project": cursor}) as ears:
        await ears.hear_updated(PRD_URI)


@MODES
async def test_a_cursor_that_is_too_old_tells_everything_that_was_asked_for(
    daemon: Running, repository: Repository, mode: str
) -> None:
    _, connect = await connection(daemon, "hub")
    spec = "repo-harness://project/docs/spec.md"
    async with hearing(connect, mode, PRD_URI, spec, cursors={"project": "aaaaaa-0"}) as ears:
        await ears.hear_updated(PRD_URI)
        await ears.hear_updated(spec)


@MODES
async def test_a_client_that_comes_back_is_told_what_changed_meanwhile(
    daemon: Running, repository: Repository, mode: str
) -> None:
    _, connect = await connection(daemon, "hub")
    async with hearing(connect, mode, PRD_URI):
        pass
    repository.write(PRD, "# Search\n\nDifferent.\n")
    repository.write("plans/prds/another.prd.md", "# Another\n")
    await settle(daemon, repository)
    async with hearing(connect, mode, PRD_URI) as ears:
        await ears.hear_updated(PRD_URI)
        if ("resources", None) not in ears.heard:
            await ears.hear(("resources", None))


@pytest.mark.parametrize("how", ["the connection breaks", "the daemon drains"])
async def test_what_was_not_even_looked_up_does_not_count_as_told(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(delivered_positions, "UNSURE_S", 0.0)
    _, token = await grant(daemon, {"project": ["planner"]})
    connect, notifier = partial(connected, f"{daemon.url}/mcp", token), daemon.context.notifier
    await miss_a_change(daemon, repository, connect)
    if how == "the daemon drains":
        notifier.drain()
        async with connect(mode=MODERN) as client:
            async with client.listen(resource_subscriptions=[PRD_URI]) as subscription:
                assert [event async for event in subscription] == []
        notifier._is_draining = False
    else:
        looking = trio.Event()

        async def since(self: ChangeLog, cursor: Cursor, **_: Any) -> Any:
            looking.set()
            await trio.sleep_forever()

        with monkeypatch.context() as patch:
            patch.setattr(ChangeLog, "since", since)
            body = listen_body(resourceSubscriptions=[PRD_URI])
            async with await trio.open_tcp_stream("127.0.0.1", daemon.context.port) as stream:
                await stream.send_all(listen_head(daemon, token, body) + body)
                with trio.fail_after(10):
                    await looking.wait()
            await until(lambda: not notifier._listeners)
    async with hearing(connect, MODERN, PRD_URI) as ears:
        await ears.hear_updated(PRD_URI)


async def test_another_stream_that_did_not_ask_for_a_resource_has_not_told_of_it(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivered_positions, "UNSURE_S", 0.0)
    _, connect = await connection(daemon, "hub")
    await miss_a_change(daemon, repository, connect)
    async with connect(mode=MODERN) as client, client.listen(resources_list_changed=True):
        await until(lambda: bool(daemon.context.notifier._listeners))
        async with hearing(connect, MODERN, PRD_URI) as ears:
            await ears.hear_updated(PRD_URI)


@pytest.mark.parametrize("meanwhile", ["tools alone", "a session without a stream"])
async def test_what_could_not_have_told_it_does_not_count_as_told(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    monkeypatch.setattr(delivered_positions, "UNSURE_S", 0.0)
    _, connect = await connection(daemon, "hub")
    await miss_a_change(daemon, repository, connect)
    if meanwhile == "tools alone":
        async with connect(mode=MODERN) as client, client.listen(tools_list_changed=True):
            pass
    else:
        _, token = await grant(daemon, {"project": ["planner"]})
        async with bare_session(daemon, token):
            pass
    await until(lambda: not daemon.context.notifier._listeners)
    async with hearing(connect, MODERN, PRD_URI) as ears:
        await ears.hear_updated(PRD_URI)


async def test_what_a_session_was_told_on_a_stream_that_may_have_been_dead_it_is_told_on_the_next(
    daemon: Running, repository: Repository
) -> None:
    _, token = await grant(daemon, {"project": ["planner"]})
    async with bare_session(daemon, token) as (http, session):
        await http.post("/mcp", json=subscription(), headers=session)
        for _ in range(2):
            async with http.stream("GET", "/mcp", headers=session) as stream:
                await until(lambda: bool(daemon.context.notifier._listeners))
                if repository.read(PRD) != "# Search\n\nDifferent.\n":
                    repository.write(PRD, "# Search\n\nDifferent.\n")
                await hear_line(stream, PRD_URI)
            await until(lambda: not daemon.context.notifier._listeners)


async def test_how_far_a_client_was_told_outlives_an_end_that_nobody_saw(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_daemon(tmp_path / "home") as first:
        await first.adopt(repository.path)
        grant_id, token = await grant(first, {"project": ["planner"]})
        async with hearing(partial(connected, f"{first.url}/mcp", token), MODERN, PRD_URI):
            await first.context.store.write(lambda c: None)
            repo = first.context.registry.by_slug("project")
            assert repo is not None
            # On disk while the stream is open: a kill takes nothing away.
            assert repo.id in await first.context.store.read(lambda c: read_delivered(c, grant_id))
    repository.write(PRD, "# Search\n\nWhile nobody served.\n")
    async with running_daemon(tmp_path / "home") as second:
        async with hearing(partial(connected, f"{second.url}/mcp", token), MODERN, PRD_URI) as ears:
            await ears.hear_updated(PRD_URI)


async def test_what_may_have_been_sent_to_a_dead_connection_is_told_again(
    daemon: Running, repository: Repository
) -> None:
    _, connect = await connection(daemon, "hub")
    async with hearing(connect, MODERN, PRD_URI) as ears:
        repository.write(PRD, "# Search\n\nDifferent.\n")
        await ears.hear_updated(PRD_URI)
    async with hearing(connect, MODERN, PRD_URI) as ears:
        await ears.hear_updated(PRD_URI)


async def test_once_it_is_sure_to_have_arrived_a_change_is_not_told_again(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivered_positions, "UNSURE_S", 0.0)
    _, connect = await connection(daemon, "hub")
    async with hearing(connect, MODERN, PRD_URI) as ears:
        repository.write(PRD, "# Search\n\nDifferent.\n")
        await ears.hear_updated(PRD_URI)
        await until(lambda: not daemon.service("project").changes.is_pending)  # it is recorded when it came
    await until(lambda: not daemon.context.notifier._listeners)  # its end was noticed
    await daemon.context.store.write(lambda c: None)  # and kept
    async with hearing(connect, MODERN, PRD_URI) as ears:
        repository.write("plans/prds/another.prd.md", "# Another\n")
        await ears.hear(("resources", None))
        assert ("updated", PRD_URI) not in ears.heard


async def test_what_a_grant_heard_is_forgotten_with_it(daemon: Running) -> None:
    grant_id, connect = await connection(daemon, "hub")
    async with hearing(connect, MODERN):
        pass
    await daemon.call("revoke", client=grant_id)
    await daemon.context.store.write(lambda c: None)
    assert await daemon.context.store.read(lambda c: read_delivered(c, grant_id)) == {}


async def test_a_session_without_a_stream_is_told_once_it_has_one(daemon: Running, repository: Repository) -> None:
    """Between a session's first message and its stream, and while its stream is broken, nothing is lost."""
    _, token = await grant(daemon, {"project": ["planner"]})
    async with bare_session(daemon, token) as (http, session):
        await http.post("/mcp", json=subscription(), headers=session)
        for text in ("first", "second"):
            repository.write(PRD, f"# Search\n\n{text}\n")
            await settle(daemon, repository)
            async with http.stream("GET", "/mcp", headers=session) as stream:
                await hear_line(stream, PRD_URI)


@asynccontextmanager
async def bare_session(daemon: Running, token: str) -> AsyncIterator[tuple[httpx2.AsyncClient, dict[str, str]]]:
    """Yield a session of the handshake era that holds no stream: what it posts with, and its headers."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(base_url=daemon.url, headers=headers, timeout=10) as http:
        client = {"name": "bare", "version": "1"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        opened = await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        await http.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session)
        yield http, session
        await http.delete("/mcp", headers=session)


def subscription() -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 2, "method": "resources/subscribe", "params": {"uri": PRD_URI}}


async def hear_line(stream: httpx2.Response, words: str) -> None:
    """Return once a stream has told something with these words."""
    with trio.fail_after(10):
        async for line in stream.aiter_lines():
            if line.startswith("data:") and words in line:
                return
    raise AssertionError("the stream ended")


async def test_a_client_that_does_not_read_costs_only_itself(daemon: Running, repository: Repository) -> None:
    stuck_id, stuck_token = await grant(daemon, {"project": ["planner"]})
    _, connect = await connection(daemon, "hub")
    body = listen_body(resourceSubscriptions=[PRD_URI], resourcesListChanged=True)
    head = listen_head(daemon, stuck_token, body)
    stuck = await trio.open_tcp_stream("127.0.0.1", daemon.context.port)
    async with stuck, hearing(connect, MODERN, PRD_URI) as ears:
        await stuck.send_all(head + body)
        first = await stuck.receive_some(65536)
        assert b"200" in first.split(b"\r\n")[0]
        notifier = daemon.context.notifier
        await until(lambda: any(x.caller.id == stuck_id for x in notifier._listeners))
        (listener,) = [x for x in notifier._listeners if x.caller.id == stuck_id]
        fillers = {Event("updated", f"repo-harness://project/{number}{'y' * 65536}") for number in range(400)}
        for event in fillers:
            listener.put(event)
        for number in range(15):
            repository.write(PRD, f"# Search\n\n{number}\n")
            await ears.hear_updated(PRD_URI)
        assert listener in notifier._listeners
        assert fillers & listener.due.keys(), "it is stuck"
        assert not listener.due.keys() - fillers
        assert len(listener.follower.behind) == 1, "fifteen changes are one number"


async def test_a_caller_that_forgets_its_streams_loses_its_oldest(daemon: Running) -> None:
    _, connect = await connection(daemon, "hub")
    async with connect(mode=MODERN) as client:
        async with trio.open_nursery() as nursery:
            ended: list[int] = []

            async def listen(number: int, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
                async with client.listen(tools_list_changed=True) as subscription:
                    task_status.started()
                    async for _ in subscription:
                        pass
                    ended.append(number)
                    nursery.cancel_scope.cancel()

            with trio.fail_after(30):
                for number in range(MAX_STREAMS_PER_CALLER + 1):
                    await nursery.start(listen, number)
                await trio.sleep_forever()
        assert ended == [0]


async def test_streams_that_are_opened_at_once_do_not_all_take_the_place_of_the_same_one(daemon: Running) -> None:
    """One that is to end is there until its task has run."""
    caller = Caller("g", "g", False, lambda: None)
    listeners = [Listener(caller, None, hears_tools=True) for _ in range(MAX_STREAMS_PER_CALLER + 2)]
    notifier = daemon.context.notifier
    for listener in listeners:
        notifier._make_room(caller)
        notifier._listeners[listener] = None
    assert [listener.is_closed for listener in listeners] == [True] * 2 + [False] * MAX_STREAMS_PER_CALLER
    notifier._listeners.clear()


@MODES
async def test_subscribing_says_nothing_about_what_is_not_granted(
    daemon: Running, repository: Repository, tmp_path: Path, mode: str
) -> None:
    secret = Repository.make(tmp_path / "secret")
    await daemon.adopt(secret.path)
    _, connect = await connection(daemon, "hub")
    theirs, nowhere = "repo-harness://secret/docs/spec.md", "repo-harness://nowhere/docs/spec.md"
    async with hearing(connect, mode, theirs, nowhere, PRD_URI) as ears:
        secret.write("docs/spec.md", "# Changed\n")
        secret.write("plans/prds/new.prd.md", "# New\n")
        await settle(daemon, secret)
        repository.write(PRD, "# Search\n\nDifferent.\n")
        await ears.hear_updated(PRD_URI)
        assert ears.heard == [("updated", PRD_URI)]


async def test_a_uri_that_is_none_of_ours_is_refused_with_a_reason(daemon: Running) -> None:
    _, connect = await connection(daemon, "hub")
    async with connect(mode=HANDSHAKE) as client:
        with pytest.raises(MCPError) as refused:
            await subscribe(client, ["file:///etc/passwd"])
        assert refused.value.error.data["code"] == "INVALID_ARGUMENT"
    async with connect(mode=MODERN) as client:
        async with client.listen(resource_subscriptions=["file:///etc/passwd", PRD_URI]) as subscription:
            assert subscription.honored.resource_subscriptions == [PRD_URI]


@pytest.fixture
async def fifty(tmp_path: Path) -> AsyncIterator[tuple[Running, list[Repository]]]:
    """A daemon with fifty repositories."""
    made = [Repository.make(tmp_path / "many" / f"r{i}", artifacts=False) for i in range(50)]
    async with running_daemon(tmp_path / "home") as daemon:
        for repository in made:
            await daemon.adopt(repository.path)
        yield daemon, made


async def test_fifty_principals_with_disjoint_grants_hear_of_their_own_repository_alone(
    fifty: tuple[Running, list[Repository]],
) -> None:
    daemon, repositories = fifty
    ears: dict[int, Ears] = {}
    uri = "repo-harness://r{}/docs/spec.md".format

    async with trio.open_nursery() as nursery:

        async def listen(number: int, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
            _, token = await grant(daemon, {f"r{number}": ["planner"]}, resource=None)
            mode = MODERN if number % 2 else HANDSHAKE
            others = range(50) if mode == MODERN else (number, (number + 1) % 50)  # asked for, and granted one
            async with hearing(partial(connected, f"{daemon.url}/mcp", token), mode, *[uri(i) for i in others]) as one:
                ears[number] = one
                task_status.started()
                await trio.sleep_forever()

        with trio.fail_after(55):
            for number in range(50):
                await nursery.start(listen, number)
            for number, repository in enumerate(repositories):
                repository.write("docs/spec.md", f"# Of {number}\n")
            for number in range(50):
                await ears[number].hear_updated(uri(number))
            for repository in repositories:
                await settle(daemon, repository)
        for number, one in ears.items():
            assert {told for told in one.heard if told[0] == "updated"} == {("updated", uri(number))}

        # Not even that something came or went elsewhere.
        for one in ears.values():
            one.heard.clear()
        for number in range(0, 50, 2):
            repositories[number].write("plans/new.md", "# New\n")
        for number in range(0, 50, 2):
            await ears[number].hear(("resources", None))
        for number in range(0, 50, 2):
            repositories[number].write("docs/spec.md", "# Last\n")
            (repositories[number].path / "plans/new.md").unlink()
        for number in range(0, 50, 2):
            await ears[number].hear_updated(uri(number))
            await settle(daemon, repositories[number])
        for number in range(1, 50, 2):
            assert ears[number].heard == [], number
            repositories[number].write("docs/spec.md", "# Own\n")
        for number in range(1, 50, 2):
            await ears[number].hear_updated(uri(number))
            assert ears[number].heard == [("updated", uri(number))], number
        nursery.cancel_scope.cancel()
