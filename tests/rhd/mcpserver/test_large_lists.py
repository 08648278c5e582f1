from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import mcp_types as types
import pytest
import trio

from rhd.errors import Refusal
from rhd.hosting.fair_queue import FairQueue
from rhd.mcpserver import large_lists, quotas
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.large_lists import FEW, look_through
from rhd.workflow.artifacts import Artifacts
from tests.support.inprocess import Running
from tests.support.made_grants import connected, grant


def context() -> Any:
    return SimpleNamespace(large_lists=FairQueue(0))


def caller(name: str) -> Caller:
    return Caller(name, name, False, lambda: None)


async def test_a_few_artifacts_are_looked_through_on_the_loop_and_many_in_a_thread() -> None:
    here = threading.get_ident()
    assert await look_through(context(), caller("g_1"), FEW, threading.get_ident) == here
    assert await look_through(context(), caller("g_1"), FEW + 1, threading.get_ident) != here


async def test_what_the_job_refuses_is_refused() -> None:
    def job() -> None:
        raise Refusal("no", code="INVALID_CURSOR")

    with pytest.raises(Refusal, match="no"):
        await look_through(context(), caller("g_1"), FEW + 1, job)


async def test_one_caller_s_many_calls_do_not_keep_another_waiting() -> None:
    shared, order, gate = context(), list[str](), threading.Event()

    async def look(name: str) -> None:
        await look_through(shared, caller(name), FEW + 1, lambda: gate.wait(10) and order.append(name))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for name in [*["greedy"] * 20, "modest"]:
                nursery.start_soon(look, name)
                await trio.testing.wait_all_tasks_blocked()
            gate.set()
    assert order.index("modest") <= 2


async def test_whatever_grows_with_the_artifacts_is_done_in_a_thread_and_says_the_same(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = await grant(daemon, {"project": ["planner"]})
    seen: list[bool] = []
    on_loop, readable_by = threading.get_ident(), Artifacts.readable_by

    def noted(self: Artifacts, names: Any) -> Any:
        seen.append(threading.get_ident() == on_loop)
        return readable_by(self, names)

    monkeypatch.setattr(Artifacts, "readable_by", noted)
    answers = []
    async with connected(f"{daemon.url}/mcp", token) as client:
        for few in (FEW, -1):
            monkeypatch.setattr(large_lists, "FEW", few)
            seen.clear()
            said = [
                (await client.call_tool("list_workflow_files", {"query": "spec"})).structured_content,
                (await client.call_tool("harness_status", {})).structured_content,
                (await client.call_tool("latest_handoff", {})).structured_content,
                (await client.list_resources()).resources,
                await client.complete(
                    types.ResourceTemplateReference(uri="repo-harness://{slug}/{+path}"),
                    {"name": "path", "value": "docs"},
                ),
            ]
            answers.append(said)
            assert len(seen) >= len(said)
            assert set(seen) == {few == FEW}
    assert answers[0] == answers[1]


async def test_a_client_is_told_which_limit_it_has_reached(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "MAX_DOCUMENTS_A_DAY", 1)
    monkeypatch.setattr(quotas, "MAX_WAITS", 0)
    _, token = await grant(daemon, {"project": ["planner"]})
    async with connected(f"{daemon.url}/mcp", token) as client:
        for number, is_refused in enumerate((False, True)):
            answer = await client.call_tool("append_handoff_note", {"body": f"note {number}"})
            assert answer.is_error is is_refused
        assert "LIMIT_REACHED" in answer.content[0].text
        since = (await client.call_tool("list_workflow_changes", {})).structured_content["cursor"]
        answer = await client.call_tool("list_workflow_changes", {"since": since, "wait_s": 1})
        assert "LIMIT_REACHED" in answer.content[0].text
        assert not (await client.call_tool("list_workflow_changes", {"since": since})).is_error
