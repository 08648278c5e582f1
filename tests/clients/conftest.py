"""What every real client gets: itself from npm, a daemon, a home of its own, and a network that is loopback alone."""

from __future__ import annotations

import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import page, venvs
from tests.clients.client_home import Seat
from tests.clients.network import is_loopback_only, keep_to_loopback
from tests.support.daemons import Daemon
from tests.support.npm import Programs, Unavailable
from tests.support.repositories import Repository


@pytest.fixture(scope="session")
def programs() -> Programs:
    """The clients, installed; after this nothing here reaches any network but loopback."""
    try:
        found = Programs(Path(__file__).parent / "package.json")
        venvs.install()
    except (Unavailable, subprocess.SubprocessError) as why:
        pytest.exit(f"no client can be had here: {why}", returncode=1)  # skipped, nothing would look like success
    keep_to_loopback()
    return found


@pytest.fixture(scope="session")
def kept_to_loopback(programs: Programs) -> None:
    """Skips what would phone home."""
    if (reason := is_loopback_only()) is not None:
        pytest.skip(f"this client talks to its vendor, and the network cannot be taken away here: {reason}")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that serves."""
    home = tmp_path / "seat/home/.local/state/repo-harness"  # the default one of who sits there: no file names it
    home.parent.mkdir(parents=True)
    daemon = Daemon(home).start()
    yield daemon
    daemon.end()


@pytest.fixture
def seat(tmp_path: Path, programs: Programs, daemon: Daemon, repository: Repository) -> Seat:
    """The surroundings of a person who works: an adopted repository, a home, and our commands on PATH."""
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    passphrase = daemon.rhctl("passphrase", "show", slug)["passphrase"]
    return Seat.make(tmp_path / "seat", programs, daemon, repository, slug, passphrase)


_outcomes: dict[tuple[str, str | None], page.Outcome] = defaultdict(page.Outcome)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count what becomes of each test, by its file and its client."""
    if report.when == "call" or report.skipped or report.failed:
        client = dict(report.user_properties).get("client")
        outcome = _outcomes[Path(report.fspath).name, None if client is None else str(client)]
        if (known := getattr(report, "wasxfail", "")) and report.skipped:
            outcome.reports.add(known.removeprefix("reason: "))
            outcome.counts["failed"] += 1
        else:
            outcome.counts[report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the rows of the files that ran whole."""
    config = session.config
    if _outcomes and not config.option.keyword and not any("::" in each for each in config.args):
        page.write(_outcomes, time.strftime("%Y-%m-%d", time.gmtime()))
