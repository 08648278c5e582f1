"""A real daemon takes two seconds to start, so tests that do not care who else is served share one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.daemons import Daemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that serves; other tests of the module have their repositories adopted by it, too."""
    daemon = Daemon(tmp_path_factory.mktemp("daemon") / "home").start()
    yield daemon
    daemon.end()
