"""What every client's configuration is made from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rhctl.setup.served_repo import bridge_command, find_program
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


def test_only_what_has_to_be_named_is_named(installed: Path) -> None:
    default = Home("/home/me/.local/state/repo-harness", is_default=True)
    assert bridge_command(default, repo=None, profile=None) == [str(installed), "connect"]
    assert bridge_command(Home("/other"), repo="/repo", profile="executor") == [
        str(installed), "connect", "--home", "/other", "--repo", "/repo", "--profile", "executor",
    ]  # fmt: skip


def test_a_program_is_named_shortly_only_where_its_name_leads_to_this_installation(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_program("rhctl") == str(installed)
    monkeypatch.setenv("PATH", str(installed.parent))
    assert find_program("rhctl") == "rhctl"
    link = tmp_path / "links/rhctl"
    link.parent.mkdir()
    link.symlink_to(installed)
    monkeypatch.setenv("PATH", str(link.parent))
    assert find_program("rhctl") == "rhctl"
    other = tmp_path / "other/rhctl"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}:{installed.parent}")
    assert find_program("rhctl") == str(installed)  # the name would lead to another installation


def test_beside_the_interpreter_is_looked_at_too(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", str(installed.parent / "python"))
    assert find_program("rhctl") == str(installed)


def test_a_checkout_without_programs_leaves_it_to_path(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "nowhere/x")])
    assert find_program("rhctl") == "rhctl"
    monkeypatch.setenv("PATH", str(installed.parent))
    assert find_program("rhctl") == str(installed)
