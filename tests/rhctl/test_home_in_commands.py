"""Commands that are shown to be typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rhctl.home_in_commands import name_home, name_homes, use_home
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import run, type_in


@pytest.fixture(autouse=True)
def _none_is_named_afterwards() -> Iterator[None]:
    yield
    use_home([])


@pytest.mark.parametrize("words", [["--home", "/srv/a b"], ["--home=/srv/a b"], ["status", "--home", "/srv/a b"]])
def test_a_home_that_was_named_is_in_every_command(words: list[str]) -> None:
    use_home(words)
    assert name_home("Adopt it: rhctl adopt PATH; or: rhctl forget x") == (
        "Adopt it: rhctl --home '/srv/a b' adopt PATH; or: rhctl --home '/srv/a b' forget x"
    )
    assert name_home("Use an rhctl of the daemon's own version.") == "Use an rhctl of the daemon's own version."
    assert name_home("rhctl status --home /other") == "rhctl status --home /other"
    step, named = {"next_step": "rhctl repos", "n": None}, {"next_step": "rhctl --home '/srv/a b' repos", "n": None}
    assert name_homes({"error": step, "findings": [step]}) == {"error": named, "findings": [named]}


def test_a_home_that_commands_find_by_themselves_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPO_HARNESS_HOME", "/srv/home")
    for words in ([], ["--home", "/srv/home"], ["status", "--home"]):
        use_home(words)
        assert name_home("rhctl repos") == "rhctl repos"


async def test_messages_of_the_client_and_of_the_daemon_carry_it(
    daemon: Running, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = await daemon.adopt(repository.path)
    monkeypatch.delenv("REPO_HARNESS_HOME")
    home = str(daemon.home.base)
    command = f"rhctl --home {home}"
    assert f"  List them with: {command} repos\n" in (await type_in("status", "nothing", "--home", home)).err
    said = await type_in("status", "nothing", "--home", home, "--json")
    assert said.json["error"]["next_step"] == f"List them with: {command} repos"
    assert f"{command} setup chatgpt" in (await type_in("clients", "--home", home)).out
    repository.path.rename(tmp_path / "moved")
    await daemon.until_state(slug, "detached")
    assert f"{command} adopt PATH" in (await type_in("--home", home, "status")).out
    assert f"{command} service start" in run("repos", "--home", f"{home}-2", "--no-start").err.replace("-2", "")
