"""Which service manager there is, and whether it keeps a home."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rhctl.managers.detection import find_manager, find_service
from rhctl.managers.launchd import Launchd
from rhctl.managers.systemd import Systemd
from rhctl.managers.unit_files import Spec, render_systemd
from rhwire.home import Home
from tests.support.fake_service_managers import FakeSystemd


@pytest.mark.parametrize(("platform", "kind"), [("darwin", Launchd), ("linux", Systemd), ("freebsd14", Systemd)])
def test_each_machine_has_its_own(monkeypatch: pytest.MonkeyPatch, platform: str, kind: type) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert type(find_manager()) is kind


def install(folder: Path, home: Home) -> None:
    folder.mkdir(parents=True)
    for name, text in render_systemd(Spec(("/bin/rhd",), home, "127.0.0.1", 9, "/bin")).items():
        (folder / name).write_text(text)


def test_a_service_keeps_the_home_that_its_files_name(systemd: FakeSystemd, tmp_path: Path) -> None:
    home = Home(str(tmp_path / "home"))
    assert find_service(home) is None
    install(Path.home() / ".config/systemd/user", home)
    assert isinstance(find_service(home), Systemd)
    assert find_service(Home(str(tmp_path / "other"))) is None
    assert systemd.calls == []


def test_a_unit_of_somebody_else_keeps_nothing(systemd: FakeSystemd, tmp_path: Path) -> None:
    folder = Path.home() / ".config/systemd/user"
    folder.mkdir(parents=True)
    (folder / "rhd.service").write_text("[Service]\nExecStart=/usr/bin/other\n")
    assert find_service(Home(str(tmp_path / "home"))) is None
