from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.mcp_client import Desk
from tests.support.repositories import Repository

TOOL = "write_prd_from_idea"
WHOLE: dict[str, Any] = {
    "title": "Full text search 搜索",
    "idea": "Find things.\n\n# Not a heading",
    "slug": "search-2",
    "problem": "Nothing is found.",
    "users": ["writers", "readers"],
    "goals": ["an index"],
    "non_goals": ["a crawler"],
    "success_criteria": ["p99 below 1 s", "no crash"],
    "notes": "Begin with the index.",
}


async def test_title_and_idea_are_enough(desk: Desk, repository: Repository) -> None:
    said = await desk.call(TOOL, title="Full text search", idea="Find things.")
    assert re.fullmatch(r"plans/prds/\d{8}-\d{4}-full-text-search\.prd\.md", said["path"])
    assert said["created"] is True
    text = repository.read(said["path"])
    assert "\n# Full text search\n" in text
    assert "> **Status**: Draft" in text
    assert said["revision"] == (await desk.call("read_workflow_file", path=said["path"]))["revision"]
    (found,) = (await desk.call("list_workflow_files", query="full text"))["files"]
    assert (found["path"], found["kind"], found["title"]) == (said["path"], "prd", "Full text search")


async def test_everything_that_is_said_stands_in_its_section_as_text(desk: Desk, repository: Repository) -> None:
    said = await desk.call(TOOL, **WHOLE)
    assert said["path"].endswith("-search-2.prd.md")
    text = repository.read(said["path"])
    for section, words in {
        "Idea": "Find things.",
        "Problem": WHOLE["problem"],
        "Users": "- writers\n- readers",
        "Goals": "- an index",
        "Non-goals": "- a crawler",
        "Acceptance Scenarios": "- [ ] **A1** p99 below 1 s\n- [ ] **A2** no crash",
        "Notes": WHOLE["notes"],
    }.items():
        assert f"\n## {section}\n\n{words}" in text
    assert "\n\\# Not a heading" in text


@pytest.mark.parametrize("name", ["title", "idea", "problem", "notes", "users", "success_criteria"])
async def test_a_placeholder_is_refused_and_its_argument_named(desk: Desk, name: str) -> None:
    said = WHOLE | {name: ["ok", "TBD"] if isinstance(WHOLE.get(name), list) else "..."}
    error = await desk.refused(TOOL, "INVALID_ARGUMENT", **said)
    assert error["message"].startswith(f"{name}[1] is a" if isinstance(said[name], list) else f"{name} is a")


async def test_a_revision_without_the_document_that_it_is_of_is_refused(desk: Desk) -> None:
    error = await desk.refused(TOOL, "INVALID_ARGUMENT", title="T", idea="i", expected_revision="r1_" + "a" * 22)
    assert "slug" in error["next_step"]


@pytest.mark.parametrize("slug", ["🙂", "///", "--"])
async def test_a_slug_without_a_letter_is_refused(desk: Desk, slug: str) -> None:
    await desk.refused(TOOL, "INVALID_ARGUMENT", title="T", idea="i", slug=slug)


@pytest.mark.parametrize("slug", ["../../src/a", "..", "/etc/passwd", ".git/config", "a/../../b", ".env"])
async def test_no_slug_leads_out_of_the_folder(desk: Desk, repository: Repository, slug: str) -> None:
    result = await desk.client.call_tool(TOOL, {"title": "T", "idea": "i", "slug": slug})
    if not result.is_error:
        assert re.fullmatch(r"plans/prds/[^/]+\.prd\.md", result.structured_content["path"])  # type: ignore[index]
    changed = [line[3:] for line in repository.git("status", "--porcelain", "-uall").splitlines()]
    assert all(path.startswith("plans/prds/") for path in changed), changed


async def test_only_a_planner_writes_it(desk: Desk) -> None:
    desk.held = {"project": {"executor"}}
    await desk.refused(TOOL, "PROFILE_NOT_GRANTED", title="T", idea="i")
