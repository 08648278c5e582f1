from __future__ import annotations

import os
from pathlib import Path

import pytest

from rhd.workflow.reading import MAX_BYTES, PAGE_CHARS
from tests.support.mcp_client import Desk
from tests.support.repositories import PRD as PRD_TEXT
from tests.support.repositories import Repository

PRD = "plans/prds/20261101-0900-search.prd.md"
LIST, READ = "list_workflow_files", "read_workflow_file"


async def listed(desk: Desk, **arguments: object) -> list[str]:
    return [each["path"] for each in (await desk.call(LIST, **arguments))["files"]]


async def test_a_list_has_what_the_caller_may_read_and_says_what_each_is(desk: Desk, repository: Repository) -> None:
    repository.write("tasks/lessons.md", "# Lessons\n")
    await desk.settle()
    said = await desk.call(LIST)
    assert said["total"] == len(said["files"]) == 7
    assert said["next_cursor"] is None
    (prd,) = [each for each in said["files"] if each["kind"] == "prd"]
    assert (prd["path"], prd["title"], prd["status"], prd["cards"]) == (PRD, "Search", "Draft", None)
    assert prd["size"] == len(PRD_TEXT)
    assert prd["version"] == (await desk.call(READ, path=PRD))["version"]
    (sprint,) = [each for each in said["files"] if each["kind"] == "sprint"]
    assert sprint["cards"] == {"done": 1, "total": 2, "finished": False}
    desk.held = {"project": {"executor"}}
    assert "tasks/lessons.md" in await listed(desk)


async def test_a_list_is_narrowed_by_kind_by_beginning_and_by_words(desk: Desk) -> None:
    assert await listed(desk, kind="prd") == [PRD]
    assert await listed(desk, prefix="plans/pr") == [PRD]
    assert sorted(await listed(desk, query="SEARCH")) == [PRD, "plans/sprints/20261102-0900-search.sprint.md"]
    assert await listed(desk, query="search prds") == [PRD]
    assert await desk.call(LIST, kind="prd", query="nothing") == {
        "files": [],
        "total": 0,
        "next_cursor": None,
        "left_out": None,
    }


async def test_a_list_is_paged_and_gives_each_out_once(desk: Desk) -> None:
    whole, found, cursor = sorted(await listed(desk)), [], None
    while True:
        page = await desk.call(LIST, limit=2, **({"cursor": cursor} if cursor else {}))
        assert page["total"] == len(whole)
        found += [each["path"] for each in page["files"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(page["files"]) == 2
    assert sorted(found) == whole


async def test_a_cursor_of_another_question_is_refused(desk: Desk) -> None:
    cursor = (await desk.call(LIST, limit=1))["next_cursor"]
    for arguments in (
        {"cursor": "nonsense"},
        {"cursor": cursor, "prefix": "plans/"},
        {"cursor": cursor, "kind": "prd"},
    ):
        await desk.refused(LIST, "INVALID_CURSOR", **arguments)
    await desk.refused(LIST, "INVALID_ARGUMENT", kind="novel")


async def test_what_no_page_has_is_told_to_whom_it_concerns(desk: Desk, repository: Repository) -> None:
    folder = "plans/" + "/".join("abcdefghijk")
    deep = f"{folder}/l/deep.md"
    repository.write(deep, "# Deep\n")
    await desk.settle()
    said = await desk.call(LIST)
    assert deep not in [each["path"] for each in said["files"]]
    assert said["left_out"]["items"] == [{"path": folder, "reason": "too_deep"}]
    assert said["left_out"]["next_step"]
    assert (await desk.call(READ, path=deep))["content"] == "# Deep\n", "left out of lists, but readable"
    for prefix, is_told in (("plans/", True), (deep, True), ("plans/a/b", True), ("plans/a/bc", False), ("x", False)):
        assert ((await desk.call(LIST, prefix=prefix))["left_out"] is not None) == is_told, prefix
    repository.write("tasks/" + "/".join("abcdefghijklm"), "# Deep, and for executors alone\n")
    await desk.settle()
    assert (await desk.call(LIST))["left_out"] == said["left_out"]
    desk.held = {"project": {"planner", "executor"}}
    assert (await desk.call(LIST))["left_out"]["total"] == 2


async def test_what_is_too_much_is_told_on_every_page(
    desk: Desk, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await desk.call(LIST))["left_out"] is None
    monkeypatch.setattr("rhd.workflow.catalog.MAX_ARTIFACTS", 7)
    repository.write("plans/prds/one-more.prd.md", "# One more\n")
    await desk.settle()
    first = await desk.call(LIST, limit=5)
    second = await desk.call(LIST, limit=5, cursor=first["next_cursor"])
    assert (len(first["files"]), len(second["files"]), second["total"], second["next_cursor"]) == (5, 2, 7, None)
    for page in (first, second):
        assert page["left_out"]["items"] == [{"path": "", "reason": "too_many"}]


async def test_what_cannot_be_served_is_named(desk: Desk, repository: Repository) -> None:
    """A linked folder was an empty list before."""
    (repository.path / "plans").rename(repository.path / "real")
    (repository.path / "plans").symlink_to("real")
    repository.write("docs/reference-configs/bad\nname.md", "x")
    await desk.settle()
    said = await desk.call(LIST)
    assert said["left_out"]["total"] == 2
    assert [each["reason"] for each in said["left_out"]["items"]] == ["name", "link"]
    assert said["left_out"]["items"][1]["path"] == "plans"
    assert all(each["path"].isprintable() for each in said["left_out"]["items"])
    assert (await desk.call(LIST, prefix="tasks/"))["left_out"] is None
    (repository.path / "plans").unlink()
    (repository.path / "real").rename(repository.path / "plans")
    await desk.settle()
    assert (await desk.call(LIST))["left_out"]["total"] == 1


async def test_a_whole_text_comes_with_the_revision_that_replaces_it(desk: Desk, repository: Repository) -> None:
    os.utime(repository.path / PRD, (1_000_000_000, 1_000_000_000))
    said = await desk.call(READ, path=PRD)
    assert (said["path"], said["content"], said["size"]) == (PRD, PRD_TEXT, len(PRD_TEXT))
    assert (said["redactions"], said["truncated"], said["next_cursor"]) == ([], False, None)
    assert said["modified_at"].startswith("2001-09-09T01:46:40")
    assert said["revision"] is not None
    written = await desk.call(
        "write_prd_from_idea", title="Search", idea="i", slug="search", expected_revision=said["revision"]
    )
    assert (written["path"], written["created"]) == (PRD, False)


async def test_an_empty_text_is_whole(desk: Desk, repository: Repository) -> None:
    repository.write("plans/empty.md", "")
    said = await desk.call(READ, path="plans/empty.md")
    assert (said["content"], said["truncated"], said["size"]) == ("", False, 0)
    assert said["revision"] is not None


async def test_a_long_text_comes_in_pages_without_a_revision(desk: Desk, repository: Repository) -> None:
    text = "".join(f"line {number} é\n" for number in range(9_000))
    repository.write("plans/long.md", text)
    first = await desk.call(READ, path="plans/long.md")
    assert (first["truncated"], first["revision"]) == (True, None)
    assert len(first["content"]) <= PAGE_CHARS
    parts, cursor = [first["content"]], first["next_cursor"]
    while cursor is not None:
        page = await desk.call(READ, path="plans/long.md", cursor=cursor)
        assert page["revision"] is None, "the caller has not seen the whole text in one piece"
        parts.append(page["content"])
        cursor = page["next_cursor"]
    assert "".join(parts) == text


async def test_a_text_that_changed_between_two_pages_is_not_put_together(desk: Desk, repository: Repository) -> None:
    repository.write("plans/long.md", "x" * (PAGE_CHARS + 1))
    cursor = (await desk.call(READ, path="plans/long.md"))["next_cursor"]
    await desk.refused(READ, "INVALID_CURSOR", path=PRD, cursor=cursor)
    await desk.refused(READ, "INVALID_CURSOR", path="plans/long.md", cursor="nonsense")
    repository.write("plans/long.md", "y" * (PAGE_CHARS + 1))
    error = await desk.refused(READ, "REVISION_CONFLICT", path="plans/long.md", cursor=cursor)
    assert "without a cursor" in error["next_step"]


async def test_a_secret_is_replaced_counted_and_bars_replacing(desk: Desk, repository: Repository) -> None:
    token = "ghp_" + "a1B2" * 9
    repository.write("plans/leak.md", f"# Leak\n\nThe token is {token}.\n")
    said = await desk.call(READ, path="plans/leak.md")
    assert token not in said["content"]
    assert [each["count"] for each in said["redactions"]] == [1]
    assert said["revision"] is None


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("plans/none.md", "NOT_FOUND"),
        ("plans/none/at/all.md", "NOT_FOUND"),
        ("plans/prds", "NOT_A_FILE"),
        ("src/index.py", "POLICY_DENIED"),
        ("src/none.py", "POLICY_DENIED"),
        ("tasks/todos.md", "POLICY_DENIED"),
        ("plans/.env", "POLICY_DENIED"),
        ("plans/secrets/a.md", "POLICY_DENIED"),
        (".git/config", "POLICY_DENIED"),
        (".repo-harness/mcp.oauth.json", "POLICY_DENIED"),
        ("/etc/passwd", "POLICY_DENIED"),
        ("plans/../src/index.py", "POLICY_DENIED"),
        ("plans//a.md", "POLICY_DENIED"),
        ("plans\\a.md", "POLICY_DENIED"),
        ("plans/a\x00.md", "POLICY_DENIED"),
        ("plans/" + "a" * 300, "POLICY_DENIED"),
        ("plans/" + "a" * 1100, "INVALID_ARGUMENT"),
        (" ", "INVALID_ARGUMENT"),
    ],
)
async def test_what_is_not_there_or_not_the_callers_is_refused(desk: Desk, path: str, code: str) -> None:
    error = await desk.refused(READ, code, path=path)
    assert "\x00" not in error["message"]


async def test_what_is_no_plain_text_is_refused_by_what_it_is(
    desk: Desk, repository: Repository, tmp_path: Path
) -> None:
    plans = repository.path / "plans"
    outside = tmp_path / "outside.md"
    outside.write_text("SECRET")
    (plans / "link.md").symlink_to(outside)
    (plans / "folder").symlink_to(tmp_path)
    os.mkfifo(plans / "pipe.md")
    (plans / "picture.md").write_bytes(b"\x89PNG\0")
    (plans / "latin.md").write_bytes(b"caf\xe9")
    with (plans / "huge.md").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    for name, code in {
        "link.md": "SYMLINK_ESCAPE",
        "folder/outside.md": "SYMLINK_ESCAPE",
        "pipe.md": "NOT_A_REGULAR_FILE",
        "picture.md": "BINARY_FILE",
        "latin.md": "NOT_UTF8",
        "huge.md": "FILE_TOO_LARGE",
    }.items():
        await desk.refused(READ, code, path=f"plans/{name}")


async def test_a_disk_that_fails_is_a_refusal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    error = await desk.refused(READ, "READ_FAILED", path=PRD)
    assert error["details"] == {"reason": "io"}


async def test_a_secret_in_a_name_is_replaced_in_lists_and_the_file_can_still_be_read(
    desk: Desk, repository: Repository
) -> None:
    token = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
    cursor = (await desk.call("list_workflow_changes"))["cursor"]
    repository.write(f"plans/{token}.md", "No heading.\n")
    await desk.settle()
    (listed,) = (await desk.call("list_workflow_files", prefix="plans/ghp"))["files"]
    assert (listed["path"], listed["title"]) == ("plans/[REDACTED:github_token].md", "[REDACTED:github_token].md")
    (change,) = (await desk.call("list_workflow_changes", since=cursor))["changes"]
    assert change["path"] == listed["path"]
    read = await desk.call("read_workflow_file", path=listed["path"])
    assert (read["path"], read["content"]) == (listed["path"], "No heading.\n")
    repository.write(f"plans/{token}.bin", "")
    (repository.path / f"plans/{token}.bin").write_bytes(b"\0")
    await desk.settle()
    error = await desk.refused("read_workflow_file", "BINARY_FILE", path="plans/[REDACTED:github_token].bin")
    assert token not in str(error)
