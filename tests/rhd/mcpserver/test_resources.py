"""Every artifact that the caller may read, as resources: listed, read and named alike in both eras."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from mcp.shared.exceptions import MCPError

from rhd.mcpserver import resources
from rhd.mcpserver.resources import MAX_CHARS
from rhd.store.audit import AuditRow, read_rows
from tests.support.mcp_client import Desk, seated
from tests.support.repositories import PRD as PRD_TEXT
from tests.support.repositories import Repository

ERAS = pytest.mark.parametrize(("mode", "unknown"), [("2026-07-28", -32602), ("legacy", -32002)])
PRD = "plans/prds/20261101-0900-search.prd.md"
URI = f"repo-harness://project/{PRD}"


@pytest.fixture
async def desk(tmp_path: Path, repository: Repository) -> AsyncIterator[Desk]:
    async with seated(tmp_path / "rhd.db", repository) as seat:
        yield seat


async def listed(desk: Desk) -> list[str]:
    """Return the URIs of every page."""
    found, cursor = [], None
    while True:
        page = await desk.client.list_resources(cursor=cursor)
        found += [str(each.uri) for each in page.resources]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def refused(awaited: Any) -> Any:
    with pytest.raises(MCPError) as caught:
        await awaited
    return caught.value.error


async def audited(desk: Desk) -> list[AuditRow]:
    desk.context.audit.flush()
    await desk.context.store.write(lambda c: None)
    return [row for _, row in reversed(await desk.context.store.read(read_rows)) if row.action == "resources/read"]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_resource_says_what_it_is(tmp_path: Path, repository: Repository, mode: str) -> None:
    os.utime(repository.path / PRD, (1_000_000_000, 1_000_000_000))
    async with seated(tmp_path / "rhd.db", repository, mode=mode) as desk:
        page = await desk.client.list_resources()
        (prd,) = [each for each in page.resources if str(each.uri) == URI]
        assert (prd.name, prd.title, prd.description) == (PRD, "Search", "prd of project, Draft")
        assert (prd.mime_type, prd.size) == ("text/markdown", len(PRD_TEXT))
        assert prd.annotations is not None
        assert str(prd.annotations.last_modified).startswith("2001-09-09")
        assert str(page.resources[-1].uri) == URI, "newest first"
        (check,) = [each for each in page.resources if each.name.endswith(".json")]
        assert check.mime_type == "application/json"
        (contents,) = (await desk.client.read_resource(URI)).contents
        assert contents.model_dump(by_alias=True, exclude_none=True) == {
            "uri": URI,
            "mimeType": "text/markdown",
            "text": PRD_TEXT,
        }


async def test_what_is_listed_is_what_can_be_read_and_the_other_way_round(desk: Desk, repository: Repository) -> None:
    repository.write("tasks/lessons.md", "# Lessons\n")
    repository.write("plans/a b — ü.md", "# Spaced\n")
    await desk.settle()
    for profiles, hidden in (({"planner"}, True), ({"executor"}, False)):
        desk.held = {"project": profiles}
        uris = await listed(desk)
        assert ("repo-harness://project/tasks/lessons.md" not in uris) == hidden
        for uri in uris:
            (contents,) = (await desk.client.read_resource(uri)).contents
            assert str(contents.uri) == uri
        paths = {each["path"] for each in (await desk.call("list_workflow_files", limit=200))["files"]}
        assert len(paths) == len(uris)
    assert "repo-harness://project/plans/a%20b%20%E2%80%94%20%C3%BC.md" in uris


async def test_a_list_is_paged_and_goes_on_where_it_was_though_that_is_gone(
    desk: Desk, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "PAGE_RESOURCES", 3)
    repository.age()
    for number in range(5):
        name = f"plans/plan-{number}.md"
        os.utime(repository.write(name, "# Plan\n"), (1_500_000_000 - number, 1_500_000_000 - number))
    await desk.settle()
    whole = await listed(desk)
    assert len(whole) == len(set(whole)) == 12
    first = await desk.client.list_resources()
    assert [each.name for each in first.resources] == [f"plans/plan-{number}.md" for number in range(3)]
    (repository.path / "plans/plan-2.md").unlink()
    repository.write("plans/newer.md", "# Newer\n")
    os.utime(repository.path / "plans/newer.md", (1_600_000_000, 1_600_000_000))
    await desk.settle()
    second = await desk.client.list_resources(cursor=first.next_cursor)
    assert [each.name for each in second.resources][:2] == ["plans/plan-3.md", "plans/plan-4.md"]


async def test_a_secret_in_a_name_is_replaced_and_the_resource_is_read_by_the_uri_that_the_list_gives(
    desk: Desk, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "PAGE_RESOURCES", 1)
    token = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
    repository.write(f"plans/{token}.md", "No heading.\n")
    await desk.settle()
    page = await desk.client.list_resources()
    assert token not in page.model_dump_json()
    (listed_one,) = page.resources
    assert listed_one.name == "plans/[REDACTED:github_token].md"
    read = await desk.client.read_resource(str(listed_one.uri))
    assert read.contents[0].text == "No heading.\n"  # type: ignore[union-attr]
    assert str(read.contents[0].uri) == str(listed_one.uri)
    assert len(await listed(desk)) == len(set(await listed(desk)))


@pytest.mark.parametrize(("on_disk", "asked"), [("cafe%CC%81", "caf%C3%A9"), ("caf%C3%A9", "cafe%CC%81")])
async def test_composed_and_decomposed_letters_name_one_resource(
    desk: Desk, repository: Repository, on_disk: str, asked: str
) -> None:
    repository.write(f"plans/{unquote(on_disk)}.md", "# Menu\n")
    await desk.settle()
    assert f"repo-harness://project/plans/{on_disk}.md" in await listed(desk)
    read = await desk.client.read_resource(f"repo-harness://project/plans/{asked}.md")
    assert read.contents[0].text == "# Menu\n"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "[]",
        "null",
        "3",
        '["a"]',
        '["a", 1, 2]',
        '["a", "1", "b"]',
        '{"a": 1, "b": 2, "c": 3}',
        "[" * 5000,
        "abc",
    ],
)
async def test_what_is_no_cursor_of_the_list_is_refused(desk: Desk, cursor: str) -> None:
    error = await refused(desk.client.list_resources(cursor=cursor))
    assert (error.code, error.data["code"]) == (-32602, "INVALID_CURSOR")
    assert error.data["next_step"]


@pytest.mark.parametrize("place", [["", 0, ""], ["zzz", 0, "zzz"], ["project", -(10**30), "\ud800"], ["a", True, "b"]])
async def test_a_made_up_place_begins_elsewhere_in_the_callers_own_list(desk: Desk, place: list[Any]) -> None:
    page = await desk.client.list_resources(cursor=json.dumps(place))
    assert {str(each.uri) for each in page.resources} <= set(await listed(desk))


@ERAS
async def test_what_is_unknown_or_not_the_callers_is_the_same_error(
    tmp_path: Path, repository: Repository, mode: str, unknown: int
) -> None:
    second = Repository.make(tmp_path / "second")
    repository.write("tasks/lessons.md", "# Lessons\n")
    async with seated(tmp_path / "rhd.db", repository, second, mode=mode) as desk:
        for uri in (
            "repo-harness://project/plans/none.md",
            "repo-harness://project/tasks/lessons.md",
            "repo-harness://project/src/index.py",
            "repo-harness://project/.git/config",
            "repo-harness://project/plans/../src/index.py",
            "repo-harness://project/plans/%2e%2e/src/index.py",
            "repo-harness://second/AGENTS.md",
            "repo-harness://none/AGENTS.md",
            "repo-harness://project",
            "file:///etc/passwd",
            "https://example.com/AGENTS.md",
        ):
            error = await refused(desk.client.read_resource(uri))
            assert (error.code, error.message, error.data) == (unknown, "Resource not found", {"uri": uri})


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_what_cannot_be_read_says_why(tmp_path: Path, repository: Repository, mode: str) -> None:
    (repository.path / "plans/picture.md").write_bytes(b"\x89PNG\0")
    (repository.path / "plans/link.md").symlink_to("/etc/passwd")
    async with seated(tmp_path / "rhd.db", repository, mode=mode) as desk:
        for name, code in (("picture.md", "BINARY_FILE"), ("link.md", "SYMLINK_ESCAPE"), ("prds", "NOT_A_FILE")):
            error = await refused(desk.client.read_resource(f"repo-harness://project/plans/{name}"))
            assert (error.code, error.data["code"]) == (-32602, code)
            assert error.data["next_step"]
        repository.path.rename(tmp_path / "elsewhere")
        error = await refused(desk.client.read_resource(URI))
        assert error.data["code"] == "REPO_DETACHED"
        assert str(tmp_path) not in str(error)


async def test_a_secret_and_a_cut_are_told_in_the_meta(desk: Desk, repository: Repository) -> None:
    token = "ghp_" + "a1B2" * 9
    repository.write("plans/leak.md", f"{token}\n" + "x" * MAX_CHARS)
    (contents,) = (await desk.client.read_resource("repo-harness://project/plans/leak.md")).contents
    said = contents.model_dump(by_alias=True, exclude_none=True)
    assert token not in said["text"]
    assert len(said["text"]) <= MAX_CHARS
    assert said["_meta"]["dev.repo-harness/truncated"] is True
    assert [each["count"] for each in said["_meta"]["dev.repo-harness/redactions"]] == [1]


async def test_every_read_leaves_one_row(desk: Desk, repository: Repository) -> None:
    (repository.path / "plans/picture.md").write_bytes(b"\x89PNG\0")
    await desk.client.read_resource(URI)
    await refused(desk.client.read_resource("repo-harness://project/plans/none.md"))
    await refused(desk.client.read_resource("repo-harness://project/plans/picture.md"))
    await refused(desk.client.read_resource("repo-harness://project/src/canary.py"))
    rows = await audited(desk)
    assert [(r.outcome, r.profile, r.target) for r in rows] == [
        ("ok", "planner", PRD),
        ("NOT_FOUND", "planner", "plans/none.md"),
        ("BINARY_FILE", "planner", "plans/picture.md"),
        ("NOT_FOUND", None, None),
    ]
    assert {r.principal for r in rows} == {"g_test"}


async def test_the_hub_lists_the_granted_repositories_and_leaves_a_broken_one_out(
    tmp_path: Path, repository: Repository
) -> None:
    second = Repository.make(tmp_path / "second")
    async with seated(tmp_path / "rhd.db", repository, second, is_hub=True) as desk:
        assert all(uri.startswith("repo-harness://project/") for uri in await listed(desk))
        desk.held = {"second": {"planner"}, "project": {"planner"}}
        both = await listed(desk)
        assert [uri.startswith("repo-harness://project/") for uri in both] == [True] * 7 + [False] * 7
        second.path.rename(tmp_path / "elsewhere")
        await desk.refused("read_workflow_file", "REPO_DETACHED", path="AGENTS.md", repo="second")
        assert await listed(desk) == both[:7]
        desk.held = None
        assert (await refused(desk.client.list_resources())).data["code"] == "REPO_NOT_FOUND"


async def test_a_stopped_profile_reads_and_lists_nothing(desk: Desk) -> None:
    await desk.rooms.registry.stop(desk.repo.id, "planner")
    assert await listed(desk) == []
    assert (await refused(desk.client.read_resource(URI))).message == "Resource not found"


@pytest.mark.parametrize(
    ("is_hub", "template"), [(True, "repo-harness://{slug}/{+path}"), (False, "repo-harness://project/{+path}")]
)
async def test_the_template_names_what_there_is_to_fill_in(
    tmp_path: Path, repository: Repository, is_hub: bool, template: str
) -> None:
    async with seated(tmp_path / "rhd.db", repository, is_hub=is_hub) as desk:
        (found,) = (await desk.client.list_resource_templates()).resource_templates
        assert (found.uri_template, found.name) == (template, "artifact")


async def test_a_resource_is_read_whether_its_letters_are_composed_or_not(desk: Desk, repository: Repository) -> None:
    """As HFS+ spells a name, and as a model writes it."""
    repository.write("plans/prds/Ko\u0308ln.prd.md", "# Found\n")
    await desk.settle()
    for letters in ("K%C3%B6ln", "Ko%CC%88ln"):
        uri = f"repo-harness://project/plans/prds/{letters}.prd.md"
        (contents,) = (await desk.client.read_resource(uri)).contents
        assert contents.text == "# Found\n"
