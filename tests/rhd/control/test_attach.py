"""`attach`: the connection becomes MCP."""

from __future__ import annotations

import json

import pytest
import trio

from rhd.mcpserver.tools.tool_table import tools_hash
from rhwire.messages import Request
from rhwire.version import VERSION
from tests.support.attached import attached
from tests.support.inprocess import Running, read_line
from tests.support.repositories import Repository

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
}


async def test_what_the_connection_will_be_is_said_before_it_is_that(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    said = await daemon.call("attach", repo=slug)
    cursor = daemon.service(slug).changes.cursor
    assert said == {
        "slug": slug,
        "id": daemon.service(slug).repo.id,
        "profiles": ["planner", "executor"],
        "cursor": cursor,
        "version": VERSION,
        "tools_hash": tools_hash(frozenset({"planner", "executor"}), is_hub=False),
        "repeatable": said["repeatable"],
    }
    assert {"harness_status", "write_prd_from_idea"} <= set(said["repeatable"])
    assert "append_handoff_note" not in said["repeatable"]
    assert (await daemon.call("attach", repo=slug, profile="executor"))["profiles"] == ["executor"]


async def test_the_orchestrator_can_be_attached_to_where_agent_runs_are_enabled(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    assert (await daemon.refusal("attach", repo=slug, profile="orchestrator")).code == "DEV_RUNNER_DISABLED"
    await daemon.call("start", repo=slug, profile="orchestrator", enable_dev_runner=True)
    assert (await daemon.call("attach", repo=slug, profile="orchestrator"))["profiles"] == ["orchestrator"]


async def test_a_first_message_in_the_same_packet_is_answered(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    async with await daemon.open() as stream:
        both = Request(1, "attach", {"repo": slug}).encode() + json.dumps(INITIALIZE).encode() + b"\n"
        await stream.send_all(both)
        assert (await read_line(stream))["result"]["slug"] == slug
        assert (await read_line(stream))["result"]["serverInfo"]["name"]


async def test_an_attached_agent_counts_as_a_client_for_as_long_as_it_is_there(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    async with attached(daemon, slug, profile="planner") as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert "write_prd_from_idea" in tools
        assert (await daemon.call("status"))["repos"][0]["clients"] == 1
    async with attached(daemon, slug, profile="executor") as client:
        assert "write_prd_from_idea" not in {tool.name for tool in (await client.list_tools()).tools}


async def test_a_stopped_profile_is_http_s_matter_alone(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.call("stop", repo=slug)
    async with attached(daemon, slug) as client:
        assert (await client.call_tool("harness_status", {})).is_error is False


async def test_what_cannot_be_attached_to_is_refused_and_the_connection_goes_on(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    async with await daemon.open() as stream:
        for params, code in (
            ({"repo": slug, "profile": "root"}, "INVALID_ARGUMENT"),
            ({"repo": slug, "profile": "orchestrator"}, "DEV_RUNNER_DISABLED"),
        ):
            await stream.send_all(Request(1, "attach", params).encode())
            assert (await read_line(stream))["error"]["data"]["code"] == code
        await stream.send_all(Request(2, "version", {}).encode())
        assert (await read_line(stream))["result"]["version"] == VERSION


async def test_a_request_that_is_cancelled_holds_up_no_end(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK never answers it. The end of input waits for what is unanswered, which it is no longer."""
    monkeypatch.setattr("rhd.mcpserver.line_framing.LINGER_S", 3600)
    slug = await daemon.adopt(repository.path)
    wait = {"name": "list_workflow_changes", "arguments": {"since": daemon.service(slug).changes.cursor, "wait_s": 25}}
    messages = [
        INITIALIZE,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": wait},
    ]
    async with await daemon.open() as stream:
        await stream.send_all(Request(1, "attach", {"repo": slug}).encode())
        await read_line(stream)
        for message in messages:
            await stream.send_all(json.dumps(message).encode() + b"\n")
        assert (await read_line(stream))["id"] == 1
        with trio.fail_after(10):
            while not daemon.context.endpoints._tool_context.waits._scopes:
                await trio.testing.wait_all_tasks_blocked()
            cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}}
            await stream.send_all(json.dumps(cancel).encode() + b"\n")
            await stream.send_eof()
            assert await stream.receive_some(1) == b"", "nothing more is said, and the connection ends"
