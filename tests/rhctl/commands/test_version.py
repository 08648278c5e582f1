"""`rhctl version`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rhd.control import version
from rhwire.version import VERSION
from tests.support.inprocess import Running
from tests.support.terminal import run, type_in


def test_without_a_daemon_it_starts_none(no_daemon: Path) -> None:
    assert run("version", "--json").json == {"version": VERSION, "daemon": None}
    assert run("version").out == f"rhctl {VERSION}\nrhd   not running\n"
    assert run("--version").out == run("version").out
    assert not no_daemon.exists()


async def test_both_versions_and_that_they_differ(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = (await type_in("version", "--json")).json
    assert set(answer) == {"version", "daemon"}
    assert set(answer["daemon"]) == {"version", "protocol", "python", "pid"}
    assert (answer["daemon"]["version"], answer["daemon"]["pid"]) == (VERSION, os.getpid())
    assert "restart" not in (await type_in("version")).out
    monkeypatch.setattr(version, "VERSION", "0.0.9")
    assert "restart the daemon" in (await type_in("version")).out
