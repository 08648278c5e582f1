"""`rhctl start`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import type_in


async def test_a_profile_is_started_for_the_repository_around_or_the_one_named(
    daemon: Running, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)
    answer = (await type_in("start", slug, "--profile", "executor", "--json")).json
    assert answer == {
        "slug": slug,
        "profile": "executor",
        "url": f"{daemon.url}/r/{slug}/mcp",
        "hub_url": f"{daemon.url}/mcp",
        "leased": False,
        "agent_runs": None,
        "dormant": [],
        "problem": None,
    }
    assert (await daemon.call("status"))["repos"][0]["profiles"] == ["planner", "executor"]
    outside = await type_in("start", "--json")
    assert (outside.code, outside.refusal) == (4, "REPO_NOT_FOUND")
    monkeypatch.chdir(repository.path / "plans")
    said = await type_in("start")
    assert said.out.splitlines() == [f"planner is started for {slug}", f"  {daemon.url}/r/{slug}/mcp"]


async def test_agent_runs_are_enabled_for_good_and_that_is_said(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    words = ("--profile", "orchestrator", "--enable-dev-runner", "--dev-runner-agents", "codex,claude")
    said = await type_in("start", slug, *words, "--allow", "Bash(pytest *)", "--allow", "Bash(ruff check *)")
    lines = said.out.splitlines()
    assert lines[2].startswith("  agent runs enabled (codex, claude), since 20")
    assert lines[3].startswith("    codex edits files and runs commands in the repository")
    assert lines[4].startswith("    claude edits files of the repository (permission mode acceptEdits)")
    assert lines[5:] == ["    Claude Code may run: Bash(pytest *)", "    Claude Code may run: Bash(ruff check *)"]
    assert f"{slug}: agent runs enabled (codex, claude), since 20" in (await type_in("status")).out
    again = (await type_in("start", slug, "--profile", "orchestrator", "--json")).json
    assert again["agent_runs"]["allow"] == ["Bash(pytest *)", "Bash(ruff check *)"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--profile", "orchestrator"), "DEV_RUNNER_DISABLED"),
        (("--enable-dev-runner",), "INVALID_ARGUMENT"),
        (("--profile", "orchestrator", "--enable-dev-runner", "--dev-runner-agents", "gpt"), "INVALID_AGENT"),
        (("--profile", "orchestrator", "--enable-dev-runner", "--allow", "Bash(x)"), "INVALID_ARGUMENT"),
    ],
)
async def test_what_cannot_be_enabled_is_refused_with_a_sentence(
    daemon: Running, repository: Repository, words: tuple[str, ...], code: str
) -> None:
    slug = await daemon.adopt(repository.path)
    said = await type_in("start", slug, *words, "--json")
    assert (said.code, said.refusal) == (1, code)
    assert (await daemon.call("status"))["repos"][0]["profiles"] == ["planner"]


async def test_two_profiles_are_not_taken_for_the_last(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    assert (await type_in("start", slug, "--profile", "executor", "--profile", "planner")).code == 2
    assert (await daemon.call("status"))["repos"][0]["profiles"] == ["planner"]


async def test_an_unknown_profile_is_a_usage_error(daemon: Running) -> None:
    assert (await type_in("start", "--profile", "root")).code == 2


async def test_a_repository_that_is_not_where_it_was_is_started_with_a_word(
    daemon: Running, repository: Repository, tmp_path: Path
) -> None:
    slug = await daemon.adopt(repository.path)
    repository.path.rename(tmp_path / "moved")
    await daemon.until_state(slug, "detached")
    assert (await type_in("start", slug, "--json")).json["problem"]["code"] == "REPO_DETACHED"
    said = (await type_in("start", slug)).out.splitlines()
    assert said[2].endswith("[REPO_DETACHED]")
    assert said[3].endswith(f" forget {slug}")
