"""`rhctl events`."""

from __future__ import annotations

import json
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import trio

from rhctl import client
from rhctl.commands import events as command
from rhd.control import events, verb
from tests.support.inprocess import Running, running_daemon
from tests.support.repositories import Repository
from tests.support.terminal import Said, is_safe, plain, spawned, type_at, type_in
from tests.support.waiting import until

KEYS = {"cursor", "repo", "path", "kind", "change", "at", "via", "by"}


async def next_line(process: trio.Process) -> str:
    """Return the next line that a command prints."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        data = await process.stdout.receive_some(1)
        assert data, "it ended"
        line += data
    return line.decode()


async def test_the_help_says_that_a_stream_is_more_than_one_object() -> None:
    assert "a stream one object a line" in " ".join((await type_in("events", "--help")).out.split())


async def test_nothing_has_changed_yet(daemon: Running) -> None:
    assert (await type_in("events")).out == "nothing has changed yet\n"
    assert (await type_in("events", "--json")).json == {"changes": []}


async def test_the_newest_changes_oldest_first(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    for name in ("one", "two\u202e"):
        repository.put(f"plans/{name}.md", "# Plan\n")
        await daemon.settle(slug)
    one, two = (await type_in("events", slug, "-n", "2", "--json")).json["changes"]
    assert set(one) == KEYS
    assert (one["path"], two["path"], two["change"], two["repo"]) == (
        "plans/one.md", "plans/two\u202e.md", "added", slug,
    )  # fmt: skip
    assert one["at"].endswith("Z")
    said = await type_in("events", "-n", "2")
    assert is_safe(said.out)
    assert said.out.splitlines()[0].split() == ["TIME", "CHANGE", "REPO", "PATH", "VIA"]
    assert r"plans/two\u202e.md" in said.out.splitlines()[2]


@pytest.mark.parametrize(("columns", "color"), [(80, "never"), (40, "never"), (80, "always"), (40, "always")])
async def test_in_a_terminal_each_change_fits_with_its_local_time_and_a_line_sums_up(
    daemon: Running, repository: Repository, columns: int, color: str
) -> None:
    slug = await daemon.adopt(repository.path)
    repository.put("plans/a-plan-whose-name-is-longer-than-a-narrow-terminal-is-wide.md", "# Plan\n")
    await daemon.settle(slug)
    seen = await type_at(columns, "events", "-n", "1", color=color)
    assert ("\x1b[32madded\x1b[0m" in seen) == (color == "always")
    lines = plain(seen).splitlines()
    assert max(len(line) for line in lines if not line.startswith("follow")) <= columns
    assert re.search(r"^\d\d:\d\d:\d\d  added  ", plain(seen), re.MULTILINE)
    assert "…" in plain(seen)
    assert "wide.md" in plain(seen)
    assert " · ".join(lines[lines.index("") + 1 :]) == "1 change · follow further ones with: rhctl events -f"


@pytest.mark.parametrize("words", [(), ("--json",)])
async def test_following_tells_each_change_as_it_comes_until_interrupted(
    daemon: Running, repository: Repository, words: tuple[str, ...]
) -> None:
    slug = await daemon.adopt(repository.path)
    async with spawned("events", slug, "-f", "-n", "1", *words) as process:
        for _ in words or ("titles", "change"):
            await next_line(process)  # it follows
        for number in range(2):
            repository.put(f"plans/{number}.md", "# Plan\n")
            await daemon.settle(slug)
            line = await next_line(process)
            assert f"plans/{number}.md" in line
            if words:
                assert set(json.loads(line)) == KEYS
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert process.stderr is not None
        assert await process.stderr.receive_some() == b""


async def test_following_ends_once_nobody_reads_though_nothing_changes(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    async with spawned("events", slug, "-f", "-n", "1") as process:
        await next_line(process)
        await until(lambda: len(daemon.context.services.following))  # it follows
        assert process.stdout is not None
        await process.stdout.aclose()
        assert await process.wait() == 0


async def test_following_goes_on_with_the_next_daemon_and_tells_everything_once(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPO_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(client, "END_WITHIN_S", 0.0)  # the next one has the same pid here
    told: list[str] = []

    def note(change: dict[str, Any]) -> None:
        told.append(change["path"])
        if change["path"] == "plans/last.md":
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "say_json", note)
    said: list[Said] = []

    async def follow() -> None:
        said.append(await type_in("events", "-f", "-n", "0", "--json"))

    async with trio.open_nursery() as nursery:
        async with running_daemon(tmp_path / "home") as daemon:
            slug = await daemon.adopt(repository.path)
            other = await daemon.adopt(Repository.make(tmp_path / "other").path)
            await daemon.settle(other)
            nursery.start_soon(follow)
            await until(lambda: len(daemon.context.services.following))
            repository.put("plans/first.md", "# Plan\n")
            await daemon.settle(slug)
            await until(lambda: told)
        repository.put("plans/between.md", "# Plan\n")
        Repository(tmp_path / "other").put("plans/other.md", "# Plan\n")  # nothing was told of this one yet
        async with running_daemon(tmp_path / "home") as daemon:
            await until(lambda: len(told) == 3)
            repository.put("plans/last.md", "# Plan\n")
            await until(lambda: said)
    assert (told[0], sorted(told[1:3]), told[3:]) == (
        "plans/first.md", ["plans/between.md", "plans/other.md"], ["plans/last.md"],
    )  # fmt: skip
    assert said[0].code == 130


async def test_a_reader_who_paused_for_long_misses_nothing(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "WRITE_WITHIN_S", 0.05)
    monkeypatch.setattr(client, "END_WITHIN_S", 0.0)
    slug = await daemon.adopt(repository.path)
    names = [f"plans/{'x' * 200}-{number}.md" for number in range(3000)]  # more than a socket holds
    told: list[str] = []
    reading, go_on = trio.Event(), threading.Event()

    def note(change: dict[str, Any]) -> None:
        told.append(change["path"])
        if len(told) == 1:
            trio.from_thread.run_sync(reading.set)
            assert go_on.wait(20)
        if len(told) == len(names):
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "say_json", note)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(type_in, "events", slug, "-f", "-n", "0", "--json")
            services = daemon.context.services
            await until(lambda: len(services.following))
            daemon.service(slug).changes.append([(name, "plan", "added") for name in names], via="event")
            await reading.wait()
            await until(lambda: not len(services.following))  # it is hung up on
            go_on.set()
    assert told == names


async def test_what_was_left_out_is_said(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)

    async def fall_behind(*_: Any) -> dict[str, bool]:
        return {"behind": True}

    monkeypatch.setattr(events._EventStream, "follow", fall_behind)
    said = await type_in("events", slug, "-f", "-n", "0", "--json")
    assert (said.code, said.refusal) == (1, "TIMEOUT")
    assert "rhctl events -n 1000" in said.json["error"]["next_step"]


async def test_a_count_that_is_none_or_too_large_is_refused(daemon: Running) -> None:
    assert (await type_in("events", "-n", "many")).code == 2
    for count in ("-1", "1001"):
        said = await type_in("events", "-n", count, "--json")
        assert (said.code, said.refusal) == (1, "INVALID_ARGUMENT")
        assert said.json["error"]["next_step"] == "Correct the argument that the message names, then try again."
