from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from rhd.errors import StartRefused
from rhd.file_locations import FileLocations, find_locations, look_up_locations
from rhwire.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that is named, and made."""
    made = Home(str(tmp_path / "home"))
    made.prepare()
    return made


@pytest.fixture
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home that needs no name."""
    made = Home.find(None)
    assert made.is_default
    made.prepare()
    return made


def test_everything_of_a_named_home_lies_in_it(home: Home) -> None:
    base = home.base
    assert find_locations(home) == FileLocations(f"{base}/config.toml", f"{base}/rhd.sqlite3", f"{base}/logs")
    assert json.loads(Path(home.record).read_text()) == {
        "version": 1,
        "config": f"{base}/config.toml",
        "database": f"{base}/rhd.sqlite3",
        "logs": f"{base}/logs",
    }
    assert stat.S_IMODE(os.stat(home.record).st_mode) == 0o600
    assert sorted(os.listdir(base)) == ["home.json", "logs"]


def test_the_default_home_is_proposed_once_and_the_same_in_every_later_environment(
    default: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service manager, a login shell and an agent start it with different variables; the database is one."""
    first = find_locations(default)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    assert find_locations(default) == look_up_locations(default) == first
    assert not (tmp_path / "elsewhere").exists()
    for folder in (os.path.dirname(first.database), first.logs):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert os.path.isdir(os.path.dirname(first.config))


def test_the_environment_of_the_first_start_decides(
    default: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    locations = find_locations(default)
    if os.uname().sysname == "Linux":
        assert locations.database == str(tmp_path / "data/repo-harness/rhd.sqlite3")
        assert locations.config == str(tmp_path / "config/repo-harness/config.toml")


def test_looking_up_makes_and_records_nothing(tmp_path: Path) -> None:
    home = Home(str(tmp_path / "home"))
    assert look_up_locations(home).database == f"{home.base}/rhd.sqlite3"
    assert not os.path.exists(home.base)


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("", "HOME_UNUSABLE"),
        ("{", "HOME_UNUSABLE"),
        ("[" * 4000, "HOME_UNUSABLE"),
        ("[]", "HOME_UNUSABLE"),
        ("null", "HOME_UNUSABLE"),
        ('{"version": 1}', "HOME_UNUSABLE"),
        ('{"version": 1, "config": 1, "database": "/d", "logs": "/l"}', "HOME_UNUSABLE"),
        ('{"version": 1, "config": "/c", "database": "relative", "logs": "/l"}', "HOME_UNUSABLE"),
        ('{"version": 2, "config": "/c", "database": "/d", "logs": "/l"}', "SCHEMA_TOO_NEW"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_and_left_as_it_is(home: Home, record: str, code: str) -> None:
    Path(home.record).write_text(record)
    for ask in (find_locations, look_up_locations):
        with pytest.raises(StartRefused) as caught:
            ask(home)
        assert caught.value.code == code
        assert caught.value.next_step
    assert Path(home.record).read_text() == record


def test_a_record_that_is_no_text_is_refused(home: Home) -> None:
    Path(home.record).write_bytes(b"\xff\xfe")
    with pytest.raises(StartRefused):
        find_locations(home)


def test_a_folder_that_cannot_be_made_is_named(home: Home) -> None:
    Path(home.base, "logs").touch()
    with pytest.raises(StartRefused) as caught:
        find_locations(home)
    assert caught.value.code == "HOME_UNUSABLE"
    assert "logs" in caught.value.message


def test_a_folder_that_others_can_read_is_refused(default: Home) -> None:
    locations = find_locations(default)
    os.chmod(os.path.dirname(locations.database), 0o755)
    with pytest.raises(StartRefused) as caught:
        find_locations(default)
    assert caught.value.code == "FOLDER_NOT_OURS"
    assert "chmod 700" in caught.value.next_step


def test_a_record_that_cannot_be_written_leaves_nothing_behind(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StartRefused) as caught:
        find_locations(home)
    assert caught.value.code == "DISK_FULL"
    assert os.listdir(home.base) == []
