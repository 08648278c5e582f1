"""The four prompts, and what completes their arguments and the resource template."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from string import Formatter
from typing import Any

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from rhd.mcpserver.prompts import MAX_COMPLETIONS, PROMPTS, list_prompts
from rhd.mcpserver.tools.tool_table import TOOLS
from rhd.workflow.kinds import KINDS
from tests.support.mcp_client import Desk, seated
from tests.support.repositories import Repository

MODES = pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
PRD = "plans/prds/20261101-0900-search.prd.md"
SPRINT = "plans/sprints/20261102-0900-search.sprint.md"
ARGUMENTS = {
    "prd_from_idea": {"idea": "Find {things} {idea.__class__}"},
    "sprint_from_prd": {"prd_path": PRD},
    "goal_from_sprint": {"sprint_path": SPRINT, "prd_path": PRD},
    "review_handoff": {},
}
TEMPLATE = types.ResourceTemplateReference(type="ref/resource", uri="repo-harness://{slug}/{+path}")


@pytest.fixture
async def desk(tmp_path: Path, repository: Repository) -> AsyncIterator[Desk]:
    async with seated(tmp_path / "rhd.db", repository) as seat:
        yield seat


def prompt(name: str) -> types.PromptReference:
    return types.PromptReference(type="ref/prompt", name=name)


async def completed(desk: Desk, ref: Any, name: str, value: str = "", **given: str) -> list[str]:
    done = await desk.client.complete(ref, {"name": name, "value": value}, given or None)
    return list(done.completion.values)


async def refused(awaited: Any) -> Any:
    with pytest.raises(MCPError) as caught:
        await awaited
    return caught.value.error


def test_the_prompts_are_these_for_ever() -> None:
    assert {name: {a[0]: a[2] for a in spec.arguments} for name, spec in PROMPTS.items()} == {
        "prd_from_idea": {"idea": True},
        "sprint_from_prd": {"prd_path": True},
        "goal_from_sprint": {"sprint_path": True, "prd_path": True},
        "review_handoff": {},
    }


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_says_its_arguments_and_names_tools_that_there_are(name: str) -> None:
    spec = PROMPTS[name]
    fields = {field for _, field, _, _ in Formatter().parse(spec.text) if field}
    assert fields == {"repo", *(argument[0] for argument in spec.arguments)}
    assert set(re.findall(r"\b(?:\w+_)+\w+\b", re.sub(r"{\w+}", "", spec.text))) <= set(TOOLS)
    assert set(spec.kinds.values()) <= set(KINDS)


def test_on_the_hub_every_prompt_takes_a_repository_that_nobody_must_name() -> None:
    for here, hub in zip(list_prompts(False)["prompts"], list_prompts(True)["prompts"], strict=True):
        assert hub["arguments"][:-1] == here["arguments"]
        assert (hub["arguments"][-1]["name"], hub["arguments"][-1]["required"]) == ("repo", False)


@MODES
async def test_each_prompt_is_one_message_with_what_was_given_placed_as_text(
    tmp_path: Path, repository: Repository, mode: str
) -> None:
    async with seated(tmp_path / "rhd.db", repository, mode=mode) as desk:
        assert [each.name for each in (await desk.client.list_prompts()).prompts] == list(PROMPTS)
        for name, arguments in ARGUMENTS.items():
            got = await desk.client.get_prompt(name, arguments)
            (message,) = got.messages
            assert (got.description, message.role) == (PROMPTS[name].description, "user")
            assert isinstance(message.content, types.TextContent)
            assert "the repository project" in message.content.text
            for value in arguments.values():
                assert value in message.content.text, "what looks like a placeholder stays as it is"


@MODES
async def test_what_is_no_prompt_or_misses_something_is_refused(
    tmp_path: Path, repository: Repository, mode: str
) -> None:
    async with seated(tmp_path / "rhd.db", repository, mode=mode) as desk:
        for name, arguments, code, said in (
            ("nothing", {}, "NOT_FOUND", "no prompt of that name"),
            ("prd_from_idea", {}, "INVALID_ARGUMENT", "missing: idea"),
            ("prd_from_idea", {"idea": " \n"}, "INVALID_ARGUMENT", "missing: idea"),
            ("goal_from_sprint", {}, "INVALID_ARGUMENT", "missing: sprint_path, prd_path"),
        ):
            error = await refused(desk.client.get_prompt(name, arguments))
            assert (error.code, error.data["code"]) == (-32602, code)
            assert said in error.message


async def test_the_hub_asks_about_the_repository_that_is_meant(tmp_path: Path, repository: Repository) -> None:
    second = Repository.make(tmp_path / "second")
    async with seated(tmp_path / "rhd.db", repository, second, is_hub=True) as desk:
        assert "the repository project" in (await desk.client.get_prompt("review_handoff")).model_dump_json()
        error = await refused(desk.client.get_prompt("review_handoff", {"repo": "second"}))
        assert error.data["code"] == "REPO_NOT_FOUND"
        desk.held = {"project": {"planner"}, "second": {"planner"}}
        assert "second" in (await desk.client.get_prompt("review_handoff", {"repo": "second"})).model_dump_json()
        assert (await refused(desk.client.get_prompt("review_handoff"))).data["code"] == "REPO_NOT_FOUND"


@MODES
async def test_an_argument_is_completed_with_what_the_caller_may_read_of_its_kind(
    tmp_path: Path, repository: Repository, mode: str
) -> None:
    async with seated(tmp_path / "rhd.db", repository, mode=mode) as desk:
        assert await completed(desk, prompt("sprint_from_prd"), "prd_path") == [PRD]
        assert await completed(desk, prompt("goal_from_sprint"), "sprint_path", "SEARCH") == [SPRINT]
        assert await completed(desk, prompt("goal_from_sprint"), "sprint_path", "nothing") == []
        for ref, name in (
            (prompt("prd_from_idea"), "idea"),
            (prompt("nothing"), "prd_path"),
            (prompt("sprint_from_prd"), "nothing"),
            (TEMPLATE, "nothing"),
        ):
            assert await completed(desk, ref, name) == []
        assert await completed(desk, TEMPLATE, "slug", "p") == ["project"]
        found = await completed(desk, TEMPLATE, "path")
        assert len(found) == 7
        desk.held = {"project": set()}
        assert await completed(desk, TEMPLATE, "path") == []


async def test_what_begins_with_the_words_stands_before_what_has_them(desk: Desk, repository: Repository) -> None:
    repository.write("plans/zz.md", "# x\n")
    await desk.settle()
    assert await completed(desk, TEMPLATE, "path", "PLANS/z") == ["plans/zz.md"]
    found = await completed(desk, TEMPLATE, "path", "a")
    assert found[0] == "AGENTS.md"
    assert len(found) > 1


async def test_a_secret_in_a_name_completes_nothing(desk: Desk, repository: Repository) -> None:
    token = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
    repository.write(f"plans/zz-{token}.md", "# x\n")
    await desk.settle()
    assert await completed(desk, TEMPLATE, "path", "plans/zz") == ["plans/zz-[REDACTED:github_token].md"]
    assert await completed(desk, TEMPLATE, "path", f"plans/zz-{token[:9]}") == []


async def test_at_most_a_hundred_are_shown_and_all_are_counted(desk: Desk, repository: Repository) -> None:
    for number in range(MAX_COMPLETIONS + 5):
        repository.write(f"plans/prds/n{number}.prd.md", "# x\n")
    await desk.settle()
    done = (await desk.client.complete(prompt("sprint_from_prd"), {"name": "prd_path", "value": "/n"})).completion
    assert (len(done.values), done.total, done.has_more) == (MAX_COMPLETIONS, MAX_COMPLETIONS + 5, True)


async def test_on_the_hub_a_repository_that_was_chosen_narrows_what_completes(
    tmp_path: Path, repository: Repository
) -> None:
    second = Repository.make(tmp_path / "second")
    second.write("plans/prds/only-here.prd.md", "# Only\n")
    async with seated(tmp_path / "rhd.db", repository, second, is_hub=True) as desk:
        assert await completed(desk, prompt("sprint_from_prd"), "repo") == ["project"]
        desk.held = {"project": {"planner"}, "second": {"planner"}}
        assert await completed(desk, TEMPLATE, "slug") == ["project", "second"]
        only = "plans/prds/only-here.prd.md"
        assert only in await completed(desk, prompt("sprint_from_prd"), "prd_path")
        assert only not in await completed(desk, prompt("sprint_from_prd"), "prd_path", repo="project")
        assert only in await completed(desk, TEMPLATE, "path", slug="second")
