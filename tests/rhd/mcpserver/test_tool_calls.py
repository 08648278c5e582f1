"""A tool call, from its arguments to its result."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.shared.exceptions import MCPError

from rhd.errors import HarnessError, Refusal
from rhd.mcpserver.tool_calls import ERROR_KEY, error_of, result_of
from rhd.mcpserver.tools.retired import RETIRED
from rhd.mcpserver.tools.tool_table import TOOLS
from rhd.store.audit import AuditRow, read_rows
from rhd.workflow.artifact_writes import save
from tests.support.attached import attached, told
from tests.support.calls import calling, granted
from tests.support.inprocess import Running
from tests.support.mcp_client import seated
from tests.support.node import assert_printed_as_by_node, stringify
from tests.support.repositories import Repository
from tests.support.waiting import next_changes

MODES = pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
PRD = "plans/prds/20261101-0900-search.prd.md"
CLIENTS = 24
CALLS: dict[str, dict[str, Any]] = {
    "harness_status": {},
    "harness_doctor": {},
    "list_workflow_files": {},
    "read_workflow_file": {"path": PRD},
    "latest_handoff": {},
    "latest_checks": {},
    "list_workflow_changes": {},
    "write_prd_from_idea": {"title": "T", "idea": "i"},
    "write_checklist_sprint": {"title": "T", "prd_path": PRD, "tasks": [{"title": "t", "objective": "o"}]},
    "prepare_codex_goal_from_sprint": {"prd_path": PRD, "sprint_path": PRD},
    "append_handoff_note": {"body": "b"},
}


def test_every_tool_of_a_repository_is_called_here() -> None:
    """Those of the orchestrator start processes, and have tests of their own (tests/rhd/runner)."""
    held = {name for name, spec in TOOLS.items() if not spec.is_of_hub and spec.profiles != ("orchestrator",)}
    assert set(CALLS) == held


async def rows(daemon: Running) -> list[AuditRow]:
    """Return the audit rows of calls, oldest first."""
    daemon.context.audit.flush()
    await daemon.context.store.write(lambda c: None)
    found = [row for _, row in await daemon.context.store.read(read_rows)]
    return [row for row in reversed(found) if row.action not in ("adopt", "repo.adopt")]


async def test_every_call_leaves_one_row_that_says_who_did_what_and_nothing_of_what_was_said(
    daemon: Running, repository: Repository
) -> None:
    repository.write("tasks/todos.md", "# Todos\n")
    call = calling(daemon, granted(daemon, project=("planner", "executor")), at="project")
    await daemon.call("start", repo="project", profile="executor")
    await call("write_prd_from_idea", title="canary-title", idea="canary-idea")
    await call("read_workflow_file", path=PRD)
    await call("read_workflow_file", path="tasks/todos.md")
    await call("read_workflow_file", path="plans/none.md")
    await call("read_workflow_file", path="canary/../words")
    await call("read_workflow_file", path="src/canary.py")
    await call("list_workflow_files", canary=True)
    await call("canary-tool")
    found = [r for r in await rows(daemon) if r.principal == "g_test"]
    assert [(r.action, r.outcome, r.profile, r.target) for r in found] == [
        ("write_prd_from_idea", "ok", "planner", None),
        ("read_workflow_file", "ok", "planner", PRD),
        ("read_workflow_file", "ok", "executor", "tasks/todos.md"),  # which planner cannot read
        ("read_workflow_file", "NOT_FOUND", "planner", "plans/none.md"),
        ("read_workflow_file", "POLICY_DENIED", "planner", None),
        ("read_workflow_file", "POLICY_DENIED", "planner", None),
        ("list_workflow_files", "UNKNOWN_PARAMETER", None, None),
        ("?", "UNKNOWN_TOOL", None, None),
    ]
    assert "canary" not in str(found)
    assert all(r.duration_ms > 0 for r in found)
    (repo,) = daemon.context.registry
    assert {r.repo_id for r in found} == {repo.id}


async def test_a_grant_gets_what_it_holds_and_what_runs_and_nothing_is_cached(daemon: Running) -> None:
    principal = granted(daemon, project=("planner",))
    call = calling(daemon, principal, at="project")
    assert (await call("harness_status"))["profile"] == "planner"
    assert (await call("list_repos"))["code"] == "UNKNOWN_TOOL"
    await daemon.call("stop", repo="project")
    stopped = await call("harness_status")
    assert stopped["code"] == "PROFILE_STOPPED"
    assert stopped["next_step"].endswith("rhctl start project --profile planner")
    await daemon.call("start", repo="project", profile="executor")
    assert (await call("harness_status"))["code"] == "PROFILE_STOPPED"
    await daemon.call("start", repo="project", profile="planner")
    assert (await call("harness_status"))["profile"] == "planner"
    executor = calling(daemon, replace(granted(daemon, project=("executor",)), id="g_2"), at="project")
    refused = await executor("write_prd_from_idea", title="T", idea="i")
    assert refused["code"] == "PROFILE_NOT_GRANTED"
    assert refused["next_step"].endswith("rhctl grant g_2 project --profile planner")
    assert (await executor("harness_status"))["profile"] == "executor"
    without = calling(daemon, granted(daemon, project=()), at="project")
    assert (await without("harness_status"))["code"] == "PROFILE_NOT_GRANTED"


async def test_the_hub_takes_the_repository_that_is_named_or_the_only_one(
    daemon: Running, tmp_path: Any, repository: Repository
) -> None:
    await daemon.adopt(Repository.make(tmp_path / "Second App").path)
    both = calling(daemon, granted(daemon, project=("planner",), second_app=("planner",)))
    only = calling(daemon, granted(daemon, project=("planner",)))
    assert (await only("harness_status"))["repo"] == "project"
    assert (await both("harness_status", repo="Second App"))["repo"] == "second-app"
    several = await both("harness_status")
    assert (several["code"], several["details"]) == ("REPO_NOT_FOUND", {"repos": ["project", "second-app"]})
    unknown = [await only("harness_status", repo=name) for name in ("second-app", "no-such-repository")]
    assert unknown[0] == unknown[1], "a repository that is not granted is as if it were not there"
    at_one = calling(daemon, granted(daemon, project=("planner",)), at="project")
    assert (await at_one("harness_status", repo="project"))["code"] == "UNKNOWN_PARAMETER"


# What JSON writers differ in: escapes, separators, order of keys, numbers.
_TEXTS = st.text(max_size=8) | st.sampled_from(
    ["\x00\x1f\x7f\x80", "\u2028\u2029", "\"\\/<>&'", "é漢👩\u200d👩", "\ufeff", "\b\f\n\r\t"]
)
_NAMES = _TEXTS.filter(lambda name: not name.isdecimal() and name != "__proto__")
_SAID = st.dictionaries(
    _NAMES,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(max_examples=10)
@given(st.lists(_SAID, min_size=1, max_size=40))
def test_the_text_of_a_result_is_what_node_prints_of_it(said: list[dict[str, Any]]) -> None:
    assert [result_of(each)["content"][0]["text"] for each in said] == stringify(said)


async def test_the_text_of_every_tools_result_is_what_node_prints_of_it(
    daemon: Running, repository: Repository
) -> None:
    """Qwen Code and Copilot CLI show text and structured content both where they differ."""
    repository.write("plans/prds/20261101-0901-schön.prd.md", '# Schön \u2028 "quoted" \\ </script> 👩\u200d👩\x07\n')
    repository.write(".ai/harness/checks/latest.json", '{"status": "pass", "ms": 1.5, "1": 0}\n')
    await daemon.context.services.get(next(iter(daemon.context.registry)).id).settle()
    results = []
    async with attached(daemon, "project") as client:
        for name, arguments in CALLS.items():
            results.append(await client.call_tool(name, arguments))
        results.append(await client.call_tool("read_workflow_file", {"path": "plans/prds/20261101-0901-schön.prd.md"}))
    said = [result for result in results if not result.is_error]
    assert len(said) >= len(CALLS)
    assert_printed_as_by_node(said)


@pytest.mark.parametrize(
    "error",
    [
        Refusal("a thing", code="NOT_FOUND"),
        Refusal('{"a": 1}', code="INVALID_ARGUMENT", next_step="[1]", details={"b": [1]}),
        Refusal("1", code="UNKNOWN_TOOL", next_step=""),
    ],
    ids=str,
)
def test_an_error_is_told_in_plain_words_that_no_client_takes_for_json(error: HarnessError) -> None:
    """Gemini CLI parses the first text as JSON and validates it against the tool's output schema."""
    result = error_of(error)
    assert result["isError"] is True
    assert "structuredContent" not in result
    assert result["_meta"][ERROR_KEY] == error.to_json()
    (block,) = result["content"]
    for text in (block["text"], block["text"].splitlines()[0]):
        with pytest.raises(ValueError, match=r"Expecting|Extra data"):
            json.loads(text)
    assert block["text"].startswith(f"{error.code}: {error.message}\nNext:")


@MODES
async def test_a_tool_of_the_predecessor_is_answered_with_what_replaces_it(daemon: Running, mode: str) -> None:
    assert not RETIRED.keys() & TOOLS.keys()
    async with attached(daemon, "project", mode=mode) as client:
        for name, successor in RETIRED.items():
            error = told(await client.call_tool(name, {"anything": 1}))
            assert (error["code"], error["next_step"]) == ("UNKNOWN_TOOL", successor)
            assert any(tool in successor for tool in TOOLS)
    assert {(row.action, row.outcome) for row in await rows(daemon)} == {(name, "UNKNOWN_TOOL") for name in RETIRED}


DECOMPOSED, COMPOSED = "plans/cafe\u0301.md", "plans/caf\u00e9.md"


@pytest.mark.parametrize(("on_disk", "asked"), [(DECOMPOSED, COMPOSED), (COMPOSED, DECOMPOSED)])
async def test_composed_and_decomposed_letters_name_one_artifact(
    tmp_path: Path, repository: Repository, on_disk: str, asked: str
) -> None:
    """macOS and Windows, keyboards and models spell the same name differently."""
    repository.write(on_disk, "# Menu\n")
    async with seated(tmp_path / "rhd.db", repository) as desk:
        assert (await desk.call("read_workflow_file", path=asked))["path"] == on_disk
        for filters in ({"query": asked[6:-3]}, {"prefix": asked[:-3]}, {"prefix": f"./{asked}"}):
            found = await desk.call("list_workflow_files", **filters)
            assert [each["path"] for each in found["files"]] == [on_disk]


async def test_both_spellings_on_one_disk_are_two_artifacts(tmp_path: Path, repository: Repository) -> None:
    for path in (DECOMPOSED, COMPOSED):
        repository.write(path, f"# {len(path)}\n")
    async with seated(tmp_path / "rhd.db", repository) as desk:
        for path in (DECOMPOSED, COMPOSED):
            assert (await desk.call("read_workflow_file", path=path))["content"] == f"# {len(path)}\n"


async def test_a_path_that_begins_with_a_dot_is_taken(tmp_path: Path, repository: Repository) -> None:
    async with seated(tmp_path / "rhd.db", repository) as desk:
        assert (await desk.call("read_workflow_file", path=f"./{PRD}"))["path"] == PRD
        sprint = {**CALLS["write_checklist_sprint"], "prd_path": f"././{PRD}"}
        path = (await desk.call("write_checklist_sprint", **sprint))["path"]
        await desk.call("prepare_codex_goal_from_sprint", prd_path=f"./{PRD}", sprint_path=f"./{path}")
        for wrong in ("../x", "./../x", ".", "./", "/./x", ".//x"):
            await desk.refused("read_workflow_file", "POLICY_DENIED", path=wrong)


@MODES
async def test_an_unknown_tool_is_a_protocol_error(daemon: Running, mode: str) -> None:
    async with attached(daemon, "project", mode=mode) as client:
        for name in ("nothing", "list_repos"):
            with pytest.raises(MCPError) as caught:
                await client.call_tool(name, {})
            assert caught.value.error.code == -32602
            assert caught.value.error.data["code"] == "UNKNOWN_TOOL"


async def test_what_fails_inside_tells_nothing_of_itself(
    daemon: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("canary-secret /home/somebody")

    monkeypatch.setattr("rhd.mcpserver.tools.status.read_git_facts", fail)
    async with attached(daemon, "project") as client:
        error = told(await client.call_tool("harness_status", {}))
    assert error["code"] == "TOOL_FAILED"
    assert "canary" not in json.dumps(error) + caplog.text
    assert "tool-failed tool=harness_status RuntimeError" in caplog.text


async def test_a_call_whose_client_left_is_audited_and_its_write_is_finished(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_end, token = trio.Event(), threading.Event(), trio.lowlevel.current_trio_token()

    def slow(*args: Any, **kwargs: Any) -> Any:
        trio.from_thread.run_sync(began.set, trio_token=token)
        may_end.wait(10)
        return save(*args, **kwargs)

    monkeypatch.setattr("rhd.repos.creates.save", slow)
    call = calling(daemon, granted(daemon, project=("planner",)), at="project")
    changes = daemon.context.services.get(next(iter(daemon.context.registry)).id).changes
    cursor = changes.cursor
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(call, "write_prd_from_idea", title="Late", idea="i"))
            await began.wait()
            nursery.cancel_scope.cancel()
        assert (await rows(daemon))[-1].outcome == "CANCELLED"
        may_end.set()
        (change,) = (await next_changes(changes, cursor)).changes
    assert "# Late" in repository.read(change.path)


async def test_of_a_repository_that_was_moved_only_what_says_so_is_answered(
    tmp_path: Path, repository: Repository
) -> None:
    async with seated(tmp_path / "rhd.db", repository) as desk:
        repository.path.rename(tmp_path / "elsewhere")
        for name, arguments in CALLS.items():
            if name in ("harness_doctor", "list_workflow_changes"):
                await desk.call(name, **arguments)
            else:
                error = await desk.refused(name, "REPO_DETACHED", **arguments)
                assert "adopt" in error["next_step"]


async def test_a_grant_that_has_ended_or_does_not_run_gets_nothing_of_any_tool(
    tmp_path: Path, repository: Repository
) -> None:
    async with seated(tmp_path / "rhd.db", repository, is_hub=True) as desk:
        for held, code in ((None, "REPO_NOT_FOUND"), ({}, "REPO_NOT_FOUND"), ({"project": set()}, "REPO_NOT_FOUND")):
            desk.held = held
            for name, arguments in CALLS.items():
                await desk.refused(name, code, **arguments)
        desk.held = {"project": {"planner"}}
        await desk.rooms.registry.stop(desk.repo.id, "planner")
        for name, arguments in CALLS.items():
            await desk.refused(name, "PROFILE_STOPPED", **arguments)


async def test_a_file_system_that_hangs_ends_in_a_refusal(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.repos.repo_service.READ_WITHIN_S", 0.05)
    may_end = threading.Event()

    def hang(*_: object, **__: object) -> None:
        may_end.wait(10)

    monkeypatch.setattr("rhd.mcpserver.text_reads.read_raw", hang)
    async with seated(tmp_path / "rhd.db", repository) as desk:
        await desk.refused("read_workflow_file", "TIMEOUT", path=PRD)
        may_end.set()


async def test_a_profile_that_is_named_serves_alone(daemon: Running) -> None:
    async with attached(daemon, "project", profile="executor") as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "write_prd_from_idea" not in names
        assert "prepare_codex_goal_from_sprint" in names
        error = told(await client.call_tool("write_prd_from_idea", {"title": "T", "idea": "i"}))
        assert error["code"] == "PROFILE_NOT_GRANTED"
        note = told(await client.call_tool("append_handoff_note", {"body": "b"}))
        assert note["path"] == ".ai/harness/handoff/notes.md"
    async with attached(daemon, "project") as client:
        note = told(await client.call_tool("append_handoff_note", {"body": "b"}))
        assert note["path"] == ".ai/harness/handoff/chatgpt-plan.md"


async def test_the_owners_connection_does_not_depend_on_what_is_started(daemon: Running) -> None:
    await daemon.call("stop", repo="project")
    async with attached(daemon, "project") as client:
        assert told(await client.call_tool("harness_status", {}))["profiles"] == {
            "granted": ["planner", "executor"],
            "running": [],
        }


async def test_many_clients_at_once_each_get_their_own_answer(daemon: Running, repository: Repository) -> None:
    """CVE-2026-25536: one server's answers must never be delivered to another client."""
    for number in range(CLIENTS):
        repository.write(f"plans/own-{number}.md", f"# own {number}\n")
    await daemon.context.services.get(next(iter(daemon.context.registry)).id).settle()
    wrong: list[int] = []

    async def one(number: int) -> None:
        async with attached(daemon, "project", mode="legacy" if number % 2 else "2026-07-28") as client:
            for _ in range(3):
                read = told(await client.call_tool("read_workflow_file", {"path": f"plans/own-{number}.md"}))
                if read["content"] != f"# own {number}\n":
                    wrong.append(number)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for number in range(CLIENTS):
                nursery.start_soon(one, number)
    assert wrong == []


async def test_two_agents_on_the_socket_each_get_their_own_document(daemon: Running) -> None:
    """They are one owner, and yet two clients: one was handed the document of the other."""
    arguments = {"title": "T", "idea": "i"}
    async with attached(daemon, "project") as one, attached(daemon, "project") as other:
        first = told(await one.call_tool("write_prd_from_idea", arguments))
        assert told(await other.call_tool("write_prd_from_idea", arguments))["path"] != first["path"]
        assert told(await one.call_tool("write_prd_from_idea", arguments)) == first
