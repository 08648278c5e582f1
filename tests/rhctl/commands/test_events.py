"""`rhctl events`."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
import trio

from rhd.control import events
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import is_safe, spawned, type_in

KEYS = {"cursor", "repo", "path", "kind", "change", "at", "via"}


async def next_line(process: trio.Process) -> str:
    """Return the next line that a command prints."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        data = await process.stdout.receive_some(1)
        assert data, "it ended"
        line += data
    return line.decode()


async def test_nothing_has_changed_yet(daemon: Running) -> None:
    assert (await type_in("events")).out == "nothing has changed yet\n"
    assert (await type_in("events", "--json")).json == {"changes": []}


async def test_the_newest_changes_oldest_first(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    for name in ("one", "two\u202e"):
        repository.write(f"plans/{name}.md", "# Plan\n")
        await daemon.settle(slug)
    one, two = (await type_in("events", slug, "-n", "2", "--json")).json["changes"]
    assert set(one) == KEYS
    assert (one["path"], two["path"], two["change"], two["repo"]) == (
        "plans/one.md", "plans/two\u202e.md", "added", slug,
    )  # fmt: skip
    assert one["at"].endswith("Z")
    said = await type_in("events", "-n", "2")
    assert is_safe(said.out)
    assert r"plans/two\u202e.md" in said.out.splitlines()[1]


@pytest.mark.parametrize("words", [(), ("--json",)])
async def test_following_tells_each_change_as_it_comes_until_interrupted(
    daemon: Running, repository: Repository, words: tuple[str, ...]
) -> None:
    slug = await daemon.adopt(repository.path)
    async with spawned("events", slug, "-f", "-n", "1", *words) as process:
        await next_line(process)  # it follows
        for number in range(2):
            repository.write(f"plans/{number}.md", "# Plan\n")
            await daemon.settle(slug)
            line = await next_line(process)
            assert f"plans/{number}.md" in line
            if words:
                assert set(json.loads(line)) == KEYS
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert process.stderr is not None
        assert await process.stderr.receive_some() == b""


async def test_the_daemon_s_end_ends_following_with_exit_3(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    async with spawned("events", slug, "-f", "-n", "1") as process:
        await next_line(process)
        daemon.house.stop.set()
        assert await process.wait() == 3


async def test_what_was_left_out_is_said(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)

    async def fall_behind(*_: Any) -> dict[str, bool]:
        return {"behind": True}

    monkeypatch.setattr(events, "_follow", fall_behind)
    said = await type_in("events", slug, "-f", "--json")
    assert (said.code, said.refusal) == (1, "TIMEOUT")
    assert "rhctl events -n 1000" in said.json["error"]["next_step"]


async def test_a_count_that_is_none_or_too_large_is_refused(daemon: Running) -> None:
    assert (await type_in("events", "-n", "many")).code == 2
    for count in ("-1", "1001"):
        said = await type_in("events", "-n", count, "--json")
        assert (said.code, said.refusal) == (1, "INVALID_ARGUMENT")
