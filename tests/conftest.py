"""What every test shares: a home of its own, never the user's; git that reads no user's configuration; proof that
repositories are touched through `Root` alone, here and in every daemon that is started."""

from __future__ import annotations

import itertools
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.support import audit_hook
from tests.support.repositories import Repository

# The same examples each time: a run that fails by chance says nothing about the change. `make faults` searches.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("searching", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

_users = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def watched_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """This process and every Python that it starts carry the audit hook."""
    folder = str(tmp_path_factory.mktemp("confinement"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in audit_hook.environment(folder).items():
            patch.setenv(name, value)
        patch.syspath_prepend(audit_hook.CHILD)  # some tests give their children sys.path as it is here
        audit_hook.install(folder)
        yield


@pytest.fixture(autouse=True)
def confined(watched_processes: None) -> Iterator[None]:
    """Fails a test during which anything of `rhd` touched a repository beside `Root`."""
    yield
    if violations := audit_hook.take_violations():
        pytest.fail("a repository was touched beside Root:\n" + "\n".join(violations))


@pytest.fixture(autouse=True)
def isolated_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or touches the home, the daemon or the git configuration of the user who runs it."""
    # Not below tmp_path, which is made only for who asks: it takes longer than most tests.
    home = tmp_path_factory.getbasetemp() / f"user{next(_users)}"
    home.mkdir()
    for name in [n for n in os.environ if n.startswith(("REPO_HARNESS_", "XDG_", "GIT_", "LISTEN_", "NOTIFY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


_databases: list[sqlite3.Connection] = []
_left_open: list[sqlite3.Connection] = []


@pytest.fixture(scope="session", autouse=True)
def noted_databases() -> None:
    """Each database connection is noted as it is opened; an audit hook cannot be taken away again."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect/handle":
            _databases.append(arguments[0])

    sys.addaudithook(note)


@pytest.fixture(autouse=True)
def kept_databases(noted_databases: None) -> Iterator[None]:
    """Keeps the databases that a test left open until the process ends: Python 3.13 warns when one is collected.

    They are not closed here: an abandoned thread may still use one, and closing it then crashes the interpreter.
    """
    yield
    while _databases:
        connection = _databases.pop()
        with suppress(sqlite3.ProgrammingError):  # it is closed already
            _ = connection.in_transaction
            _left_open.append(connection)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A git repository with one commit and a few workflow artifacts."""
    return Repository.make(tmp_path / "project")
