"""What docs/operations.md says of files and copies."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import platformdirs.macos
import platformdirs.unix
import pytest
import trio

from rhctl.managers.unit_files import LAUNCHD_LABEL, SYSTEMD_UNITS
from rhd import file_locations
from rhd.store.database import Store
from rhd.store.repo_rows import read_repos
from rhwire.home import Home
from tests.support.inprocess import running_daemon
from tests.support.repositories import Repository

PAGE = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()


@pytest.mark.parametrize(("system", "column"), [(platformdirs.unix.Unix, 1), (platformdirs.macos.MacOS, 2)])
def test_everything_lies_where_the_page_says(monkeypatch: pytest.MonkeyPatch, system: type, column: int) -> None:
    found = system("repo-harness")
    monkeypatch.setattr("platformdirs.user_config_dir", lambda _: found.user_config_dir)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda _: found.user_data_dir)
    rows = [
        line.split(" | ") for line in PAGE.splitlines() if line.startswith(("| home", "| settings |", "| database"))
    ]
    said = {row[0].removeprefix("| ").split(":")[0]: row[column].strip(" |`") for row in rows}
    home = Home.find(None)
    lies = file_locations.look_up_locations(home)
    user = os.environ["HOME"]
    assert said["settings"].replace("~", user) == lies.config
    assert said["database"].replace("~", user) == lies.database
    if column == 1:
        assert said["home"].replace("~", user) == home.base


def test_the_service_s_files_are_named_as_they_are() -> None:
    for name in (*SYSTEMD_UNITS, f"{LAUNCHD_LABEL}.plist"):
        assert name in PAGE


async def test_a_backup_taken_while_it_runs_opens_with_all_that_was_in_it(
    tmp_path: Path, repository: Repository
) -> None:
    """As sqlite3's `.backup` takes it."""
    async with running_daemon(tmp_path / "home") as daemon:
        slug = await daemon.adopt(repository.path)
        await daemon.connect_client(slug)

        def back_up() -> None:
            source, copy = sqlite3.connect(tmp_path / "home/rhd.sqlite3"), sqlite3.connect(tmp_path / "copy")
            source.backup(copy)
            source.close()
            copy.close()

        await trio.to_thread.run_sync(back_up)
    restored = tmp_path / "restored"
    restored.mkdir(mode=0o700)
    os.replace(tmp_path / "copy", restored / "rhd.sqlite3")
    store = Store.open(str(restored / "rhd.sqlite3"))
    assert [row.slug for row in store.read_now(read_repos)] == [slug]
    store.close()
    async with running_daemon(restored) as daemon:
        assert [repo["slug"] for repo in (await daemon.call("repos"))["repos"]] == [slug]
        assert len((await daemon.call("clients"))["clients"]) == 1
