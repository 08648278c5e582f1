"""`rhctl doctor --live`, as a person types it."""

from __future__ import annotations

from pathlib import Path

from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import is_safe, run, type_at, type_in


async def test_each_step_is_shown_with_its_time_and_a_failure_with_what_ends_it(
    daemon: Running, repository: Repository
) -> None:
    slug = await daemon.adopt(repository.path)
    await daemon.call("stop", repo=slug)
    said = await type_in("doctor", "--live")
    assert said.code == 11
    assert is_safe(said.out)
    (failed,) = [line for line in said.out.splitlines() if "FAIL" in line]
    assert "  call  " in failed
    command = said.out.partition("next: Run: rhctl ")[2].splitlines()[0]
    assert (await type_in(*_words(command))).code == 0, "the command that was printed, to the letter"
    seen = await type_at(100, "doctor", "--live")
    assert "FAIL" not in seen
    assert f"login and call succeed through {daemon.url}/mcp" in seen
    assert all(" ms " in line for line in seen.splitlines() if line.startswith("  ok"))


async def test_the_object_for_programs_is_complete(daemon: Running, repository: Repository) -> None:
    slug = await daemon.adopt(repository.path)
    said = await type_in("doctor", slug, "--live", "--json")
    assert said.code == 0
    assert set(said.json) == {"ok", "public", "repo", "steps", "url"}
    keys = {"duration_ms", "message", "next_step", "status", "step"}
    assert all(set(step) == keys for step in said.json["steps"])


def test_no_daemon_is_started_for_it(tmp_path: Path) -> None:
    assert run("doctor", "--live", "--home", str(tmp_path / "none")).code == 3


def _words(command: str) -> list[str]:
    """Return a command's words; `--home` may stand before the verb."""
    words = command.split()
    return [*words[2:], *words[:2]] if words[0] == "--home" else words
