from __future__ import annotations

import json
import os

import pytest

from rhd.mcpserver.tools.latest import DEFAULT, PREVIEW_CHARS
from rhd.workflow.reading import PAGE_CHARS
from tests.support.mcp_client import Desk
from tests.support.repositories import Repository

TOOLS = [("latest_handoff", "handoffs", ".ai/harness/handoff/"), ("latest_checks", "checks", ".ai/harness/checks/")]
BOTH = pytest.mark.parametrize(("tool", "held", "folder"), TOOLS)


@pytest.fixture(autouse=True)
def _old(repository: Repository) -> None:
    repository.age()


def write(repository: Repository, name: str, text: str, *, at: int) -> None:
    os.utime(repository.write(name, text), (at, at))


@BOTH
async def test_the_newest_come_first_with_their_text(
    desk: Desk, repository: Repository, tool: str, held: str, folder: str
) -> None:
    for number in range(DEFAULT + 2):
        write(repository, f"{folder}{number}.md", f"# {number}\n\n> **Status**: Pass\n", at=1_500_000_000 + number)
    await desk.settle()
    said = (await desk.call(tool))[held]
    assert [each["path"] for each in said] == [f"{folder}{number}.md" for number in range(6, 1, -1)]
    assert said[0]["content"] == "# 6\n\n> **Status**: Pass\n"
    assert (said[0]["title"], said[0]["status"], said[0]["truncated"], said[0]["problem"]) == ("6", "Pass", False, None)
    assert len((await desk.call(tool, limit=1))[held]) == 1
    assert len((await desk.call(tool, limit=20))[held]) == DEFAULT + 3  # with the one that the repository began with


@BOTH
async def test_nothing_there_is_an_empty_list(
    desk: Desk, repository: Repository, tool: str, held: str, folder: str
) -> None:
    for path in (repository.path / folder).iterdir():
        path.unlink()
    await desk.settle()
    assert await desk.call(tool) == {held: []}


async def test_a_check_says_what_became_of_it(desk: Desk, repository: Repository) -> None:
    write(repository, ".ai/harness/checks/a.json", '{"status": "fail"}', at=1_500_000_000)
    write(repository, ".ai/harness/checks/b.txt", "no word of it\n", at=4_000_000_001)
    await desk.settle()
    said = (await desk.call("latest_checks"))["checks"]
    assert [each["status"] for each in said] == [None, "fail", "pass"]


async def test_long_texts_are_cut_and_all_of_them_together_fill_one_page(desk: Desk, repository: Repository) -> None:
    for number in range(10):
        write(repository, f".ai/harness/handoff/{number}.md", "x" * 7000, at=1_500_000_000 + number)
    await desk.settle()
    said = (await desk.call("latest_handoff", limit=10))["handoffs"]
    assert [len(each["content"] or "") for each in said] == [
        *[PREVIEW_CHARS] * 6,
        PAGE_CHARS - 6 * PREVIEW_CHARS,
        0,
        0,
        0,
    ]
    assert all(each["truncated"] for each in said)
    assert [each["content"] is None for each in said] == [False] * 7 + [True] * 3


@BOTH
async def test_of_a_long_text_the_end_is_shown(
    desk: Desk, repository: Repository, tool: str, held: str, folder: str
) -> None:
    """Notes are added at the end, and a log says there what became of it."""
    text = "".join(f"line {number}\n" for number in range(2000))
    write(repository, f"{folder}long.md", text, at=1_500_000_000)
    await desk.settle()
    (said,) = (await desk.call(tool, limit=1))[held]
    assert text.endswith(said["content"])
    assert said["content"].startswith("line ")
    assert PREVIEW_CHARS - 20 <= len(said["content"]) <= PREVIEW_CHARS
    assert said["truncated"]


async def test_no_marker_of_a_secret_is_cut(desk: Desk, repository: Repository) -> None:
    token = "ghp_" + "a1B2" * 9
    for number in range(60):
        write(
            repository, f".ai/harness/handoff/{number}.md", f"{token} " * 400 + "x" * number, at=1_500_000_000 + number
        )
    await desk.settle()
    for each in (await desk.call("latest_handoff", limit=5))["handoffs"]:
        assert each["content"].lstrip(" ").startswith("[REDACTED:")


async def test_broken_json_is_a_problem(desk: Desk, repository: Repository) -> None:
    write(repository, ".ai/harness/checks/broken.json", '{"status": "pass"', at=1_500_000_000)
    await desk.settle()
    (said,) = (await desk.call("latest_checks", limit=1))["checks"]
    assert (said["problem"], said["status"]) == ("INVALID_JSON", "broken JSON")
    assert said["content"] == '{"status": "pass"'


async def test_the_status_of_a_large_check_is_told(desk: Desk, repository: Repository) -> None:
    text = json.dumps({"log": ["a line of output"] * 20_000, "status": "fail"})
    write(repository, ".ai/harness/checks/large.json", text, at=1_500_000_000)
    await desk.settle()
    (said,) = (await desk.call("latest_checks", limit=1))["checks"]
    assert (said["status"], said["problem"], said["truncated"]) == ("fail", None, True)
    assert said["content"].endswith('"status": "fail"}')


async def test_a_file_from_the_future_is_not_the_newest_for_ever(desk: Desk, repository: Repository) -> None:
    write(repository, ".ai/harness/handoff/future.md", "# Future\n", at=4_000_000_000)
    await desk.settle()
    repository.write(".ai/harness/handoff/now.md", "# Now\n")
    await desk.settle()
    said = (await desk.call("latest_handoff", limit=2))["handoffs"]
    assert [each["title"] for each in said] == ["Now", "Future"]
    assert said[1]["modified_at"].startswith("2096-")


async def test_a_secret_is_replaced_and_counted(desk: Desk, repository: Repository) -> None:
    token = "ghp_" + "a1B2" * 9
    write(repository, ".ai/harness/handoff/resume.md", f"# Resume\n\ntoken {token}\n", at=1_500_000_000)
    await desk.settle()
    (said,) = (await desk.call("latest_handoff"))["handoffs"]
    assert token not in said["content"]
    assert sum(each["count"] for each in said["redactions"]) == 1


async def test_one_that_cannot_be_read_says_why_and_the_others_are_told(desk: Desk, repository: Repository) -> None:
    (repository.path / ".ai/harness/handoff/picture.md").write_bytes(b"\x89PNG\0\0")
    (repository.path / ".ai/harness/handoff/latin.md").write_bytes("é".encode("latin-1"))
    await desk.settle()
    (repository.path / ".ai/harness/handoff/resume.md").unlink()  # since the catalog looked
    said = (await desk.call("latest_handoff"))["handoffs"]
    assert {each["path"].rpartition("/")[2]: each["problem"] for each in said} == {
        "picture.md": "BINARY_FILE",
        "latin.md": "NOT_UTF8",
        "resume.md": "NOT_FOUND",
    }
    assert all(each["content"] is None and not each["truncated"] for each in said)


@pytest.mark.parametrize("limit", [0, 21])
async def test_a_limit_out_of_range_is_refused(desk: Desk, limit: int) -> None:
    await desk.refused("latest_handoff", "INVALID_ARGUMENT", limit=limit)
