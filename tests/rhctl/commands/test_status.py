"""`rhctl status`: the whole answer, for people and for programs; and that it starts nothing."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from rhd.mcpserver.tools.tool_table import tools_hash
from rhwire.home import Home
from rhwire.lock import take_lock
from rhwire.version import VERSION
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import is_safe, run, type_in


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
    assert "rhctl adopt PATH" in said.out
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
    assert repo == {
        "slug": slug,
        "path": str(repository.path),
        "state": "ok",
        "profiles": ["planner"],
        "agent_runs": None,
        "url": f"{daemon.url}/r/{slug}/mcp",
        "watch": "events",
        "clients": 1,
        "problem": None,
        "left_out": None,
    }
    row = (await type_in("status", slug)).out.splitlines()[-1].split()
    assert row[:5] == [slug, "ok", "planner", "events", "1"]
    assert row[-1] in ("(restart)", "(git)"), "git may have written it a moment ago"


async def test_how_much_of_what_may_be_watched_is_watched(daemon: Running, repository: Repository) -> None:
    await daemon.adopt(repository.path)
    watch = (await type_in("status", "--json")).json["daemon"]["watch"]
    said = (await type_in("status")).out
    assert f"{watch['watches']} of {watch['max_watches']} watches" in said
    assert f"{watch['instances']} of {watch['max_instances']} instances" in said


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
    assert "rhctl adopt PATH" in said.out


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
    said = await type_in("status")
    assert is_safe(said.out)
    assert r"plans/evil\u202e.md" in said.out
