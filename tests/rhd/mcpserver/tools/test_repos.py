from __future__ import annotations

from pathlib import Path

from rhd.access import Principal
from rhd.ids import RepoId, Slug
from rhd.mcpserver.tools.repos import list_repos
from rhd.repos.registry import Repo
from tests.support.mcp_client import seated
from tests.support.node import assert_printed_as_by_node
from tests.support.repositories import Repository


def repo(slug: str, mark: str) -> Repo:
    return Repo(RepoId("rh_" + 20 * mark), Slug(slug), slug.title(), f"/{slug}", "aaaaaa", b"", 0.0)


def test_profiles_stand_in_their_own_order_and_the_only_repository_is_the_default() -> None:
    one, two = repo("one", "a"), repo("two", "b")
    principal = Principal("g", "c", {one.id: frozenset({"executor", "planner"}), two.id: frozenset({"orchestrator"})})
    assert list_repos([one], principal) == {
        "repos": [{"slug": "one", "name": "One", "profiles": ["planner", "executor"], "default": True}]
    }
    assert [(each["slug"], each["default"]) for each in list_repos([one, two], principal)["repos"]] == [
        ("one", False),
        ("two", False),
    ]
    assert list_repos([], principal) == {"repos": []}


async def test_the_hub_lists_what_is_granted_now_and_hides_the_rest(tmp_path: Path, repository: Repository) -> None:
    second = Repository.make(tmp_path / "Second App")
    async with seated(tmp_path / "rhd.db", repository, second, is_hub=True) as desk:
        only = {"slug": "project", "name": "project", "profiles": ["planner"], "default": True}
        assert await desk.call("list_repos") == {"repos": [only]}
        desk.held = {"project": {"planner"}, "second-app": {"executor"}}
        assert [each["name"] for each in (await desk.call("list_repos"))["repos"]] == ["project", "Second App"]
        assert_printed_as_by_node([await desk.client.call_tool("list_repos")])
        desk.held = {"project": set(), "second-app": set()}
        assert await desk.call("list_repos") == {"repos": []}
        await desk.refused("list_repos", "UNKNOWN_PARAMETER", repo="project")
        desk.held = None
        await desk.refused("list_repos", "REPO_NOT_FOUND")
