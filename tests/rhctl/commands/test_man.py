"""`rhctl man`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rhctl.command import NAMES, find_command
from rhctl.commands.man import make_page
from tests.support.terminal import run


def test_every_command_and_option_is_in_it(no_daemon: Path) -> None:
    page = run("man").out.replace("\\-", "-")
    assert run("man", "--json").json == {"page": make_page()}
    for name in NAMES:
        assert f".SS rhctl {name}\n" in page
        for action in find_command(name).parser().arguments:
            assert action.help == "==SUPPRESS==" or all(option in page for option in action.option_strings[-1:])
    assert not no_daemon.exists()


def test_groff_renders_it_without_a_warning() -> None:
    if (groff := shutil.which("groff")) is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-ww", "-P-cbou"],
        input=make_page(),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == ""
    assert "rhctl service install --dry-run" in done.stdout.replace("‐", "-").replace("−", "-")
    assert max(map(len, done.stdout.splitlines())) <= 100
