"""An endpoint as the official client of each era sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp.shared.exceptions import MCPError

from rhd.mcpserver.mcp_server import HUB_INSTRUCTIONS, INSTRUCTIONS
from rhd.mcpserver.tools.tool_table import TOOLS, described_tools
from rhwire.version import VERSION
from tests.support.attached import attached, told
from tests.support.inprocess import Running
from tests.support.made_grants import connected, grant
from tests.support.repositories import Repository

MODES = pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
PRD = "plans/prds/20261101-0900-search.prd.md"
SPRINT = "plans/sprints/20261102-0900-search.sprint.md"
CALLS: dict[str, dict[str, Any]] = {
    "read_workflow_file": {"path": PRD},
    "list_workflow_changes": {"wait_s": 0},
    "write_prd_from_idea": {"title": "Ti 题", "idea": "I", "users": ["u"], "success_criteria": ["c"]},
    "write_checklist_sprint": {"title": "S", "prd_path": PRD, "tasks": [{"title": "t", "objective": "o"}]},
    "prepare_codex_goal_from_sprint": {"prd_path": PRD, "sprint_path": SPRINT},
    "append_handoff_note": {"body": "b"},
}


@MODES
async def test_every_result_is_complete_fits_its_schema_and_says_the_same_as_its_text(
    daemon: Running, mode: str
) -> None:
    """Over HTTP on the hub, which has every tool of the planner."""
    _, token = await grant(daemon, {"project": ["planner"]})
    async with connected(daemon.url + "/mcp", token, mode=mode) as client:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == [n for n, s in TOOLS.items() if s.profiles != ("orchestrator",)]
        for tool in tools:
            result = told(await client.call_tool(tool.name, CALLS.get(tool.name, {})))
            assert "code" not in result, result
            assert tool.output_schema is not None
            jsonschema.validate(result, tool.output_schema)
            assert set(result) == set(tool.output_schema["properties"]), "nothing is said beside the schema"


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
@pytest.mark.parametrize("place", ["hub", "repository"])
async def test_an_endpoint_says_what_it_is_and_which_tools_it_has(
    daemon: Running, place: str, mode: str, version: str
) -> None:
    """`auto` asks `server/discover`, which a client that names the 2026 era itself leaves out."""
    is_hub = place == "hub"
    _, token = await grant(daemon, {"project": ["planner"]}, resource=None if is_hub else "project")
    async with connected(daemon.url + ("/mcp" if is_hub else "/r/project/mcp"), token, mode=mode) as client:
        listed = [
            tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in (await client.list_tools()).tools
        ]
        assert listed == list(described_tools(frozenset({"planner"}), is_hub))
        assert client.protocol_version == version
        assert client.instructions == (HUB_INSTRUCTIONS if is_hub else INSTRUCTIONS)
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("repo-harness", VERSION)
        can = client.server_capabilities
        assert can is not None
        assert can.tools and can.resources and can.prompts  # noqa: PT018
        assert can.tools.list_changed and can.resources.list_changed and can.resources.subscribe  # noqa: PT018


def test_the_instructions_say_everything_where_a_client_looks() -> None:
    assert len(INSTRUCTIONS) <= 512
    assert len(HUB_INSTRUCTIONS) <= 512
    for name in ("write_prd_from_idea", "write_checklist_sprint", "prepare_codex_goal_from_sprint", "harness_status"):
        assert name in INSTRUCTIONS
        assert name in HUB_INSTRUCTIONS
    assert "list_repos" in HUB_INSTRUCTIONS
    assert "list_repos" not in INSTRUCTIONS


@MODES
async def test_an_error_is_one_text_block_that_says_what_to_do(daemon: Running, mode: str) -> None:
    """Clients hold even an error's structured content against the output schema; so there must be none."""
    async with attached(daemon, "project", mode=mode) as client:
        for tool, arguments, code in (
            ("write_prd_from_idea", {"title": "T"}, "INVALID_ARGUMENT"),
            ("write_prd_from_idea", {"title": "T", "idea": "i", "x": 1}, "UNKNOWN_PARAMETER"),
            ("read_workflow_file", {"path": "src/index.py"}, "POLICY_DENIED"),
            ("read_workflow_file", {"path": "plans/none.md"}, "NOT_FOUND"),
            ("read_workflow_file", {"path": "plans/prds"}, "NOT_A_FILE"),
            ("write_checklist_sprint", {**CALLS["write_checklist_sprint"], "prd_path": "x"}, "PRD_NOT_READABLE"),
            ("prepare_codex_goal_from_sprint", {"prd_path": "a", "sprint_path": "b"}, "SOURCE_NOT_READABLE"),
            ("list_workflow_changes", {"since": "nonsense"}, "INVALID_CURSOR"),
        ):
            result = await client.call_tool(tool, arguments)
            error = told(result)  # holds the form
            assert error["code"] == code
            assert error["next_step"]
            assert set(error) <= {"code", "message", "next_step", "details"}
            assert "structuredContent" not in result.model_dump(by_alias=True, exclude_none=True)


@MODES
async def test_other_methods_answer_with_our_code_and_next_step(daemon: Running, mode: str) -> None:
    async with attached(daemon, "project", mode=mode) as client:
        for refused, code in (
            (client.list_resources(cursor="nonsense"), "INVALID_CURSOR"),
            (client.get_prompt("nothing"), "NOT_FOUND"),
            (client.get_prompt("prd_from_idea"), "INVALID_ARGUMENT"),
        ):
            with pytest.raises(MCPError) as caught:
                await refused
            assert caught.value.error.code == -32602
            assert caught.value.error.data["code"] == code
            assert caught.value.error.data["next_step"]


@MODES
async def test_what_fails_inside_of_any_method_tells_nothing_of_itself(
    daemon: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """The SDK tells a client of the handshake era what an exception says."""

    def fail(*_: object, **__: object) -> None:
        raise ValueError("canary-secret /home/somebody")

    for name in ("list_resources", "list_templates", "read_resource", "list_prompts", "get_prompt", "complete"):
        monkeypatch.setattr(f"rhd.mcpserver.mcp_server.{name}", fail)
    async with attached(daemon, "project", mode=mode) as client:
        for failing in (
            client.list_resources(),
            client.list_resource_templates(),
            client.read_resource("repo-harness://project/plans/a.md"),
            client.list_prompts(),
            client.get_prompt("prd_from_idea", {"idea": "i"}),
            client.complete({"type": "ref/prompt", "name": "x"}, {"name": "a", "value": "b"}),  # type: ignore[arg-type]
        ):
            with pytest.raises(MCPError) as caught:
                await failing
            assert caught.value.error.code == -32603
            assert "canary" not in str(caught.value.error)
    assert "canary" not in caplog.text
    assert "request-failed method=resources/read ValueError" in caplog.text


@MODES
async def test_a_repository_that_was_forgotten_is_unknown_to_who_is_still_connected(
    daemon: Running, repository: Repository, mode: str
) -> None:
    async with attached(daemon, "project", mode=mode) as client:
        await client.list_tools()
        await daemon.call("forget", repo="project")
        assert told(await client.call_tool("harness_status", {}))["code"] == "REPO_NOT_FOUND"
        for refused in (client.list_tools(), client.list_resources(), client.list_resource_templates()):
            with pytest.raises(MCPError) as caught:
                await refused
            assert caught.value.error.data["code"] == "REPO_NOT_FOUND"
        await daemon.adopt(repository.path)
        said = told(await client.call_tool("harness_status", {}))
        assert said["code"] == "REPO_NOT_FOUND", "adopted again, it is another repository"


async def test_nothing_says_where_on_the_machine_a_repository_lies(daemon: Running, tmp_path: Path) -> None:
    """Every tool, resource and prompt, answered and refused: no path of the machine."""
    broken = Repository.make(tmp_path / "gone")
    await daemon.adopt(broken.path)
    broken.path.rename(tmp_path / "elsewhere")
    _, token = await grant(daemon, {"project": ["planner", "executor"], "gone": ["planner"]})
    said: list[str] = []
    async with connected(daemon.url + "/mcp", token) as client:
        said.append((await client.list_tools()).model_dump_json())
        for repo in ("project", "gone", "nothing", str(tmp_path), f"{tmp_path}/project"):
            for name in TOOLS:
                if name != "list_repos" and {"planner", "executor"} & set(TOOLS[name].profiles):
                    for arguments in (CALLS.get(name, {}), {"path": "x", "nonsense": 1}):
                        result = await client.call_tool(name, {**arguments, "repo": repo})
                        said.append(result.model_dump_json())
        said.append((await client.call_tool("list_repos", {})).model_dump_json())
        for path in ("/etc/passwd", "..", "src/index.py", ".git/config", "plans/prds", "AGENTS.md", "plans/\x00"):
            for call in ("read_workflow_file",):
                said.append((await client.call_tool(call, {"path": path, "repo": "project"})).model_dump_json())
        said.append((await client.list_resources()).model_dump_json())
        said.append((await client.list_resource_templates()).model_dump_json())
        said.append((await client.list_prompts()).model_dump_json())
        said.append((await client.get_prompt("review_handoff", {"repo": "project"})).model_dump_json())
        for uri in ("repo-harness://project/AGENTS.md", "repo-harness://gone/AGENTS.md", "file:///etc/passwd", "x"):
            try:
                said.append((await client.read_resource(uri)).model_dump_json())
            except MCPError as error:
                said.append(json.dumps(error.error.model_dump(mode="json")))
    everything = "\n".join(said)
    assert "REPO_DETACHED" in everything
    for place in (str(tmp_path), str(Path.home()), str(daemon.context.home.base)):
        # What a caller says itself is repeated to it at most as an error's word; nothing else names the machine.
        assert place not in everything
