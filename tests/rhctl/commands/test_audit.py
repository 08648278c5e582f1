"""`rhctl audit`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, is_safe, plain, spawned, type_at, type_in


async def test_who_did_what_is_shown_with_filters(daemon: Running, repository: Repository, tmp_path: Path) -> None:
    one, two = await daemon.adopt(repository.path), await daemon.adopt(Repository.make(tmp_path / "two").path)
    await daemon.connect_client(one, name="ChatGPT")
    await daemon.connect_client(two, name="Claude")
    await daemon.call("start", repo=one, profile="executor")
    said = await type_in("audit")
    assert (said.code, said.err) == (0, "")
    first, *lines = said.out.splitlines()
    assert first.split() == ["TIME", "WHO", "DID", "REPO", "WHAT", "OUTCOME"]
    assert [line.split("  ")[0][-1] for line in lines] == ["Z"] * len(lines)
    for part in ("adopted", "new client", "login allowed", "grant made", "profile started", "executor"):
        assert part in said.out
    assert "Claude" in (await type_in("audit", two)).out
    assert "ChatGPT" not in (await type_in("audit", two)).out
    assert "Claude" not in (await type_in("audit", "--client", "chatgpt")).out
    assert (await type_in("audit", "--since", "1h")).out == said.out
    assert (await type_in("audit", "--outcome", "refused")).out == "nothing is recorded that matches\n"
    newest = await type_in("audit", "-n", "1")
    assert "profile started" in newest.out
    assert "rhctl audit -n 1000" in newest.out
    rows = (await type_in("audit", "--json")).json["rows"]
    assert len(rows) == len(lines)


async def test_a_home_in_which_nothing_happened_says_so(daemon: Running) -> None:
    assert (await type_in("audit")).out == "nothing is recorded yet\n"


@pytest.mark.parametrize("when", ["yesterday", "2h30m", "h", "2026-11-22", "2026-11-22T10:00:00", "-1h"])
async def test_a_time_that_is_none_is_a_usage_error(daemon: Running, when: str) -> None:
    said = await type_in("audit", f"--since={when}", "--json")
    assert (said.code, said.refusal) == (2, "USAGE")


async def test_hostile_names_are_escaped(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug, name=HOSTILE)
    assert is_safe((await type_in("audit")).out)


@pytest.mark.parametrize(("columns", "color"), [(80, "never"), (40, "never"), (80, "always"), (40, "always")])
async def test_in_a_terminal_it_fits_with_local_times_and_a_sum(
    daemon: Running, repository: Repository, columns: int, color: str
) -> None:
    await daemon.adopt(repository.path)
    daemon.context.audit.event("login.wrong", "WRONG_PASSPHRASE", client="A client with quite a long name of its own")
    seen = await type_at(columns, "audit", color=color)
    assert ("\x1b[33mWRONG_PASSPHRASE\x1b[0m" in seen) == (color == "always")
    lines = plain(seen).splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[-1] == "2 rows · 1 refused"


async def test_one_action_or_all_of_a_kind_can_be_chosen(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.connect_client(slug)
    daemon.context.audit.add("owner", "read_workflow_file", "ok", repo_id=daemon.service(slug).repo.id)
    daemon.context.audit.event("run.end", principal="g", client="ChatGPT", target="run_1")

    async def actions(action: str) -> set[str]:
        return {row["action"] for row in (await type_in("audit", "--action", action, "--json")).json["rows"]}

    assert await actions("read_workflow_file") == {"read_workflow_file"}
    assert await actions("run") == {"run.end"}
    assert await actions("grant") == {"grant.make"}
    assert await actions("grant.m") == set()


async def test_following_goes_on_with_calls_and_events(daemon: Running, repository: Repository) -> None:
    await daemon.adopt(repository.path)
    async with spawned("audit", "-f", "--json") as process:
        assert process.stdout is not None
        heard = b""
        while b"repo.adopt" not in heard:
            heard += await process.stdout.receive_some()
        daemon.context.audit.add("owner", "harness_status", "ok", client="codex")
        daemon.context.audit.event("config.set", target="port")
        with trio.fail_after(10):
            while b"config.set" not in heard or b"harness_status" not in heard:
                heard += await process.stdout.receive_some()
        rows = [json.loads(each) for each in heard.splitlines()]
        assert [row["action"] for row in rows[-2:]] == ["harness_status", "config.set"]
        assert "number" not in rows[-1]
