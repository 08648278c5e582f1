"""A tool call, from its arguments to its result, as the official client sees it over the socket."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import trio
from mcp.shared.exceptions import MCPError

from rhd.access import Principal
from rhd.endpoint.calling import check_arguments, choose_repo
from rhd.endpoint.tools.table import TOOLS, described_tools, input_schema, tools_hash
from rhd.errors import Refusal
from rhd.store.audit import read_rows
from tests.support.attached import attached, told
from tests.support.inprocess import Running
from tests.support.repositories import Repository

MODES = pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])


async def rows(daemon: Running) -> list[Any]:
    daemon.house.audit.flush()
    await daemon.house.store.write(lambda c: None)
    return [row for _, row in await daemon.house.store.read(read_rows)]


@MODES
async def test_every_result_fits_the_schema_that_was_listed(daemon: Running, mode: str) -> None:
    calls: dict[str, dict[str, Any]] = {
        "read_workflow_file": {"path": "plans/prds/20261101-0900-search.prd.md"},
        "write_prd_from_idea": {"title": "T", "idea": "I"},
        "write_checklist_sprint": {
            "title": "S",
            "prd_path": "plans/prds/20261101-0900-search.prd.md",
            "tasks": [{"title": "t", "objective": "o"}],
        },
        "prepare_codex_goal_from_sprint": {
            "prd_path": "plans/prds/20261101-0900-search.prd.md",
            "sprint_path": "plans/sprints/20261102-0900-search.sprint.md",
        },
        "append_handoff_note": {"body": "b"},
    }
    async with attached(daemon, "project", mode=mode) as client:
        for tool in (await client.list_tools()).tools:
            result = told(await client.call_tool(tool.name, calls.get(tool.name, {})))
            assert "code" not in result, result
            assert tool.output_schema is not None
            jsonschema.validate(result, tool.output_schema)


@MODES
@pytest.mark.parametrize(
    ("tool", "arguments", "code", "said"),
    [
        ("write_prd_from_idea", {"title": "T"}, "INVALID_ARGUMENT", "missing: idea"),
        ("write_prd_from_idea", {"title": "T", "idea": " "}, "INVALID_ARGUMENT", "idea: must not be blank"),
        ("write_prd_from_idea", {"title": "T", "idea": "i", "overwrite": True}, "UNKNOWN_PARAMETER", "'overwrite'"),
        ("write_prd_from_idea", {"title": "T" * 300, "idea": "i"}, "INVALID_ARGUMENT", "title: is longer"),
        ("write_checklist_sprint", {"title": "T", "prd_path": "x", "tasks": []}, "INVALID_ARGUMENT", "tasks: needs"),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "x", "tasks": "prose"},
            "INVALID_ARGUMENT",
            "tasks: must be of type array",
        ),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "x", "tasks": [{"title": "a"}]},
            "INVALID_ARGUMENT",
            "tasks[0]: missing: objective",
        ),
        (
            "write_checklist_sprint",
            {"title": "T", "prd_path": "AGENTS.md", "tasks": [{"title": "a", "objective": "b"}]},
            "PRD_NOT_READABLE",
            "AGENTS.md",
        ),
        (
            "prepare_codex_goal_from_sprint",
            {"prd_path": "a", "sprint_path": "b"},
            "SOURCE_NOT_READABLE",
            "a is not a readable prd",
        ),
        ("read_workflow_file", {"path": "src/index.py"}, "POLICY_DENIED", "outside"),
        ("read_workflow_file", {"path": "../x"}, "POLICY_DENIED", ".."),
        ("read_workflow_file", {"path": "plans/none.md"}, "NOT_FOUND", "plans/none.md"),
        ("read_workflow_file", {"path": "plans/prds"}, "NOT_A_FILE", "plans/prds"),
        ("list_workflow_files", {"kind": "novel"}, "INVALID_ARGUMENT", "kind: must be one of"),
        ("list_workflow_files", {"cursor": "x"}, "INVALID_CURSOR", "cursor"),
        ("list_workflow_changes", {"wait_s": 26}, "INVALID_ARGUMENT", "wait_s: is above 25"),
        ("list_workflow_changes", {"since": "nonsense"}, "INVALID_CURSOR", "cursor"),
    ],
    ids=lambda value: value if isinstance(value, str) else json.dumps(value)[:40],
)
async def test_a_wrong_call_is_an_error_that_says_what_to_do(
    daemon: Running, tool: str, arguments: dict[str, Any], code: str, said: str, mode: str
) -> None:
    async with attached(daemon, "project", mode=mode) as client:
        error = told(await client.call_tool(tool, arguments))
    assert error["code"] == code
    assert said in error["message"]
    assert error["next_step"]


@pytest.mark.parametrize("arguments", [{"body": "a \ud800 b"}, {"body": "a", "actor": "\udfff"}])
def test_half_of_a_surrogate_pair_is_refused_before_it_meets_a_file(arguments: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as caught:
        check_arguments("append_handoff_note", False, arguments)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert "surrogate" in caught.value.message


@MODES
async def test_an_unknown_tool_is_a_protocol_error(daemon: Running, mode: str) -> None:
    async with attached(daemon, "project", mode=mode) as client:
        for name in ("nothing", "list_repos", "run_agent_goal"):
            with pytest.raises(MCPError) as caught:
                await client.call_tool(name, {})
            assert caught.value.error.code == -32602
            assert caught.value.error.data["code"] == "UNKNOWN_TOOL"


@MODES
async def test_what_fails_inside_tells_nothing_of_itself(
    daemon: Running, monkeypatch: pytest.MonkeyPatch, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("canary-secret /home/somebody")

    monkeypatch.setattr("rhd.endpoint.tools.status.read_git_facts", fail)
    async with attached(daemon, "project", mode=mode) as client:
        error = told(await client.call_tool("harness_status", {}))
    assert error["code"] == "TOOL_FAILED"
    assert "canary" not in json.dumps(error) + caplog.text
    assert "RuntimeError" in caplog.text


async def test_every_call_leaves_one_row_without_content(daemon: Running) -> None:
    async with attached(daemon, "project", mode="2026-07-28") as client:
        await client.call_tool("write_prd_from_idea", {"title": "canary-title", "idea": "canary-idea"})
        await client.call_tool("read_workflow_file", {"path": "plans/none.md"})
        with pytest.raises(MCPError):
            await client.call_tool("canary-tool", {})
    found = [r for r in await rows(daemon) if r.action != "adopt"]
    assert [(r.action, r.outcome, r.profile, r.target) for r in reversed(found)] == [
        ("write_prd_from_idea", "ok", "planner", None),
        ("read_workflow_file", "NOT_FOUND", "planner", "plans/none.md"),
        ("?", "UNKNOWN_TOOL", None, None),
    ]
    assert "canary" not in str(found)
    assert all(r.principal.startswith("owner:") and r.duration_ms > 0 for r in found)


async def test_a_cancelled_call_is_audited_and_its_write_is_finished(daemon: Running, repository: Repository) -> None:
    changes = daemon.house.services.get(next(iter(daemon.house.registry)).id).changes
    cursor = changes.cursor
    async with attached(daemon, "project") as client:
        with trio.move_on_after(0.001):
            await client.call_tool("write_prd_from_idea", {"title": "Late", "idea": "i"})
        found = await changes.wait(cursor, 10)
    if found.changes:  # the request had left before it was cancelled
        assert "# Late" in repository.read(found.changes[0].path)


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
            "granted": ["executor", "planner"],
            "running": [],
        }


async def test_fifty_clients_at_once_each_get_their_own_answer(daemon: Running, repository: Repository) -> None:
    """CVE-2026-25536: one server's answers must never be delivered to another client."""
    for number in range(50):
        repository.write(f"plans/own-{number}.md", f"# own {number}\n")
    await daemon.house.services.get(next(iter(daemon.house.registry)).id).settle()
    wrong: list[int] = []

    async def one(number: int) -> None:
        async with attached(daemon, "project", mode="legacy" if number % 2 else "2026-07-28") as client:
            for _ in range(4):
                read = told(await client.call_tool("read_workflow_file", {"path": f"plans/own-{number}.md"}))
                if read["content"] != f"# own {number}\n":
                    wrong.append(number)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(one, number)
    assert wrong == []


async def test_the_hub_finds_the_repository_that_is_meant(daemon: Running, tmp_path: Any) -> None:
    second = Repository.make(tmp_path / "Second App")
    await daemon.adopt(second.path)
    one, two = sorted(daemon.house.registry, key=lambda r: r.slug)
    backend: Any = type("Backend", (), {"registry": daemon.house.registry})()
    both = Principal("g", "c", {one.id: frozenset({"planner"}), two.id: frozenset({"planner"})})
    only = Principal("g", "c", {one.id: frozenset({"planner"})})
    for wanted in ("second-app", "second-app/", " second-app ", two.id, "Second App", "SECOND-APP"):
        assert choose_repo(backend, both, wanted) is two
    assert choose_repo(backend, only, None) is one
    for principal, wanted in ((both, None), (only, "second-app"), (only, two.id), (both, "nothing"), (only, "")):
        with pytest.raises(Refusal) as caught:
            choose_repo(backend, principal, wanted)
        assert caught.value.code == "REPO_NOT_FOUND"
        assert "second" not in json.dumps(caught.value.to_json()) or principal is both


def test_the_table_shows_each_profile_only_what_it_can_call() -> None:
    for profile in ("planner", "executor", "orchestrator"):
        for described in described_tools(frozenset({profile}), is_hub=False):
            assert profile in TOOLS[described["name"]].profiles
    assert input_schema("list_repos", is_hub=False) is None
    assert "repo" in input_schema("harness_status", is_hub=True)["properties"]  # type: ignore[index]
    assert tools_hash(frozenset({"planner"}), True) != tools_hash(frozenset({"planner"}), False)
