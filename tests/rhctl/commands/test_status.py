"""`rhctl status`: the whole answer, for people and for programs; and that it starts nothing."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from rhd.mcpserver.tools.tool_table import tools_hash
from rhwire.home import Home
from rhwire.lock import take_lock
from rhwire.version import VERSION
from tests.support.agent_runs import Runs
from tests.support.agents import FOREVER
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import is_safe, plain, run, type_at, type_in


def test_without_a_daemon_it_says_so_with_exit_3_and_starts_none(no_daemon: Path) -> None:
    said = run("status")
    assert (said.code, said.out.splitlines()[0], said.err) == (3, "no daemon is running", "")
    said = run("status", "--json")
    assert (said.code, said.json) == (3, {"daemon": None, "repos": []})
    assert not no_daemon.exists()


def test_an_activated_socket_is_not_connected_to_since_that_would_start_the_daemon(no_daemon: Path) -> None:
    home = Home(str(no_daemon))
    home.prepare()
    with socket.socket(socket.AF_UNIX) as manager:
        manager.bind(home.socket)
        manager.listen()
        assert run("status", "--json").code == 3
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.accept()


def test_a_daemon_that_lives_and_does_not_answer_is_told_from_none(no_daemon: Path) -> None:
    home = Home(str(no_daemon))
    home.prepare()
    lock = take_lock(home.lock)
    try:
        said = run("status")
        assert said.code == 3
        assert f"process {os.getpid()}" in said.out
        assert "starting or ending" in said.out
        assert run("status", "--json").json == {"daemon": None, "repos": []}
    finally:
        os.close(lock)


async def test_an_empty_daemon_says_how_to_adopt(daemon: Running) -> None:
    said = await type_in("status")
    assert said.code == 0
    assert " adopt PATH" in said.out
    assert (await type_in("status", "--json")).json["repos"] == []


async def test_the_whole_answer(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    said = await type_in("status", "--json")
    assert said.code == 0
    answer = said.json
    about = answer["daemon"]
    assert {k: about[k] for k in ("pid", "version", "url", "public_url", "socket")} == {
        "pid": os.getpid(),
        "version": VERSION,
        "url": daemon.url,
        "public_url": None,
        "socket": daemon.home.socket,
    }
    assert about["uptime_s"] >= 0
    assert set(about["watch"]) == {"watches", "max_watches", "instances", "max_instances", "advice"}
    (repo,) = answer["repos"]
    assert repo.pop("tools_hash") == tools_hash(frozenset({"planner"}), is_hub=False)
    assert set(repo.pop("last_change")) == {"path", "change", "at", "via"}
    assert set(repo.pop("sprint")) == {"path", "title", "status", "cards", "changed_at"}
    assert repo == {
        "slug": slug,
        "path": str(repository.path),
        "state": "ok",
        "profiles": ["planner"],
        "branch": "main",
        "agent_runs": None,
        "active_run": None,
        "url": f"{daemon.url}/r/{slug}/mcp",
        "watch": "events",
        "clients": 1,
        "problem": None,
        "left_out": None,
    }


VIEWS = [(80, "never"), (40, "never"), (80, "always"), (40, "always")]


@pytest.mark.parametrize(("columns", "color"), VIEWS)
async def test_in_a_terminal_it_fits_and_shows_branch_sprint_progress_and_problems(
    daemon: Running, repository: Repository, tmp_path: Path, columns: int, color: str
) -> None:
    await daemon.adopt(repository.path)
    lost = Repository.make(tmp_path / "a-repository-with-a-long-name")
    await daemon.adopt(lost.path)
    lost.path.rename(tmp_path / "elsewhere")
    await daemon.until_state("a-repository-with-a-long-name", "detached")
    seen = await type_at(columns, "status", color=color)
    assert ("\x1b[31mdetached\x1b[0m" in seen) == (color == "always")
    text = plain(seen)
    for word in ("ok", "main", "1 of 2", "planner", "ago", "0 wrong passphrases"):
        assert word in text, word
    assert "[REPO_DETACHED]" in " ".join(text.split())
    closing = text.rpartition("\n\n")[2].split("\n")[:-1]
    assert " · ".join(closing) == "2 repositories · 0 clients · 1 with a problem"
    assert "watches" not in text, "what the kernel allows is the doctor's"
    assert not [line for line in text.splitlines() if len(line) > columns and "rhctl" not in line]


@pytest.mark.parametrize("columns", [80, 40])
async def test_one_repository_is_described_in_full(daemon: Running, repository: Repository, columns: int) -> None:
    slug = await daemon.adopt(repository.path)
    text = await type_at(columns, "status", slug)
    for name in ("branch", "sprint", "progress", "profiles", "clients", "watched by", "last change"):
        assert re.search(f"^  {name}  ", text, re.MULTILINE), name
    assert "cards done" in " ".join(text.split())


async def test_piped_it_is_plain_complete_and_in_utc(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    said = await type_in("status")
    row = said.out.splitlines()[-1]
    assert row.split()[:3] == [slug, "ok", "main"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row.split()[-1])
    assert "\x1b" not in said.out
    assert "…" not in said.out


async def test_an_agent_run_that_goes_on_is_shown(runs: Runs) -> None:
    runs.agents.plan(FOREVER)
    run_id = (await runs.start())["run_id"]
    await runs.until(run_id, "running")
    said = await type_in("status", "project")
    assert f"run {run_id}" in said.out
    assert f"rhctl run follow {run_id}" in said.out


async def test_what_is_wrong_is_said_with_its_code_and_what_to_do(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    repository.path.rename(tmp_path / "elsewhere")
    await daemon.until_state(slug, "detached")
    (repo,) = (await type_in("status", slug, "--json")).json["repos"]
    assert (repo["state"], repo["watch"]) == ("detached", "off")
    assert set(repo["problem"]) == {"code", "message", "next_step"}
    said = await type_in("status", str(repository.path))  # where it was still means it
    assert "[REPO_DETACHED]" in said.out
    assert " adopt PATH" in said.out


async def test_what_is_left_out_is_named_for_one_repository(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    (repository.path / "plans/li\nked").symlink_to("/etc")
    await daemon.settle(slug)
    (repo,) = (await type_in("status", slug, "--json")).json["repos"]
    assert repo["left_out"]["items"] == [{"path": "plans/li\\nked", "reason": "link"}]
    assert "LEFT OUT" not in (await type_in("status", slug)).out, "the problem names it"
    for number in range(60):
        os.mkfifo(repository.path / f"plans/pipe-{number}.md")
    await daemon.settle(slug)
    said = (await type_in("status", slug)).out
    assert "plans/li\\nked " in said
    assert "plans/pipe-31.md" in said
    assert said.endswith("and 11 more\n")


async def test_a_repository_is_named_by_slug_or_by_any_path_inside_it(
    daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)
    other = await daemon.adopt(Repository.make(tmp_path / "other").path)
    (tmp_path / "link").symlink_to(repository.path / "plans")
    for name in (slug, str(repository.path), "project", "./project/plans/prds", "link"):
        assert [r["slug"] for r in (await type_in("status", name, "--json")).json["repos"]] == [slug], name
    assert (await type_in("status", "project/nothing-there", "--json")).refusal == "PATH_NOT_FOUND"
    monkeypatch.chdir(repository.path / "plans")
    for name in (".", "..", "../..//project/src", "prds"):
        assert [r["slug"] for r in (await type_in("status", name, "--json")).json["repos"]] == [slug], name
    assert [r["slug"] for r in (await type_in("status", "--json")).json["repos"]] == [other, slug]  # all, even here


async def test_hostile_names_of_files_are_escaped(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    repository.write("plans/evil\u202e.md", "# Plan\n")
    await daemon.settle(slug)
    said = await type_in("status", slug)
    assert is_safe(said.out)
    assert r"plans/evil\u202e.md" in said.out
