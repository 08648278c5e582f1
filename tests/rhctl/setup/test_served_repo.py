"""The command line of the bridge."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rhctl.setup.served_repo import bridge_words, program_path
from rhwire.home import Home


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation's program, which is not on PATH."""
    program = tmp_path / "bin/rhctl"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin/repo-harness")])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere/python"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return program


DEFAULT = Home("/home/me/.local/state/repo-harness", is_default=True)


def test_a_shared_file_has_no_path_in_it() -> None:
    for home in (DEFAULT, Home("/other")):
        assert bridge_words(home, "project", repo=None, profile="executor") == [
            "rhctl", "connect", "--profile", "executor",
        ]  # fmt: skip


def test_the_user_s_own_file_names_this_installation_and_its_home(installed: Path) -> None:
    assert bridge_words(DEFAULT, "user", repo=None, profile=None) == [str(installed), "connect"]
    assert bridge_words(Home("/other"), "user", repo="/repo", profile=None) == [
        str(installed), "connect", "--home", "/other", "--repo", "/repo",
    ]  # fmt: skip


def test_the_program_is_this_installation_s_wherever_path_leads(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program_path("rhctl") == str(installed)
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", str(installed.parent / "python"))
    assert program_path("rhctl") == str(installed)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere/python"))
    assert program_path("rhctl") == "rhctl"
    monkeypatch.setenv("PATH", str(installed.parent))
    assert program_path("rhctl") == str(installed)
