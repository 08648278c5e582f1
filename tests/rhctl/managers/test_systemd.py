"""What is asked of systemd, and what is made of its answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rhctl.managers.steps import End, Remove, Run, Step, Write, perform
from rhctl.managers.systemd import Systemd, _problem
from rhctl.managers.unit_files import SYSTEMD_UNITS, Spec
from rhwire.errors import HarnessError
from rhwire.home import Home
from tests.support.fake_service_managers import FakeSystemd


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    return Spec(("/bin/rhd",), Home(str(tmp_path / "home")), "127.0.0.1", 9, "/bin")


def verbs(steps: list[Step]) -> list[str]:
    """Return the steps in short."""
    return [" ".join(step.command[2:3]) if isinstance(step, Run) else type(step).__name__ for step in steps]


def carry_out(steps: list[Step]) -> None:
    for step in steps:
        perform(step, Systemd().environ)


def test_the_handover_comes_when_the_units_are_known_and_before_they_start(systemd: FakeSystemd, spec: Spec) -> None:
    """Or a client that looks for a daemon in between would start a detached one again."""
    handover = End(spec.home, 1)
    plan = verbs(Systemd().plan_install(spec, [handover]))
    assert plan == ["Write"] * 3 + ["daemon-reload", "enable", "End", "reset-failed", "start"]


def test_units_that_are_written_but_not_yet_read_are_read_again(systemd: FakeSystemd, spec: Spec) -> None:
    carry_out(Systemd().plan_install(spec, ()))
    (Path(systemd._folder) / "rhd.socket").write_text("")
    assert verbs(Systemd().plan_restart(spec, ()))[:2] == ["Write", "daemon-reload"]
    systemd._loaded["rhd.socket"] = "something older"
    assert "daemon-reload" in verbs(Systemd().plan_start(spec))


def test_another_program_restarts_the_service_behind_its_sockets(systemd: FakeSystemd, spec: Spec) -> None:
    carry_out(Systemd().plan_install(spec, ()))
    plan = Systemd().plan_install(spec._replace(program=("/opt/rhd",)), ())
    assert verbs(plan) == ["Write", "daemon-reload", "reset-failed", "start", "restart"]
    assert isinstance(plan[0], Write)
    assert plan[0].path.endswith("rhd.service")


def test_what_it_knows_is_told(systemd: FakeSystemd, spec: Spec) -> None:
    manager = Systemd()
    assert manager.installed() is None
    assert manager.state() == (False, "inactive", "inactive", None, None)
    carry_out(manager.plan_install(spec, ()))
    assert Systemd().installed() == spec
    assert Systemd().state() == (True, "active", "active", systemd.service.pid, None)
    assert all(os.path.exists(path) for path in manager.files)


def test_a_client_without_xdg_variables_finds_it_all_the_same(
    systemd: FakeSystemd, spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Codex hands its servers HOME and PATH, and no XDG_*."""
    carry_out(Systemd().plan_install(spec, ()))
    monkeypatch.setattr("rhctl.managers.systemd.RUNTIMES", str(tmp_path / "users"))
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / str(os.getuid())).symlink_to(tmp_path / "run")
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    Systemd().check()
    assert Systemd().environ["XDG_RUNTIME_DIR"] == str(tmp_path / "users" / str(os.getuid()))
    assert Systemd().installed() == spec


def test_a_folder_that_the_manager_does_not_look_in_is_refused(
    systemd: FakeSystemd, spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(HarnessError, match="does not look for units in") as refused:
        Systemd().plan_install(spec, ())
    assert "XDG_CONFIG_HOME" in refused.value.next_step


def test_launching_starts_the_units_and_tells_why_not(systemd: FakeSystemd, spec: Spec) -> None:
    carry_out([step for step in Systemd().plan_install(spec, ()) if isinstance(step, Write)])
    systemd.service.problem = "the port is in use"
    with pytest.raises(HarnessError, match="the port is in use") as refused:
        Systemd().launch()
    assert refused.value.next_step.endswith("rhctl service start")
    systemd.service.problem = None
    Systemd().launch()
    assert systemd.active == set(SYSTEMD_UNITS)


def test_an_uninstallation_leaves_nothing_of_it(systemd: FakeSystemd, spec: Spec) -> None:
    carry_out(Systemd().plan_install(spec, ()))
    plan = Systemd().plan_uninstall()
    assert verbs(plan) == ["stop", "disable", *["Remove"] * 3, "daemon-reload", "reset-failed"]
    assert [step.path for step in plan if isinstance(step, Remove)] == list(Systemd().files)
    carry_out(plan)
    assert Systemd().installed() is None


def test_one_socket_that_listens_is_stopped_too_since_it_would_bring_the_service_back(
    systemd: FakeSystemd, spec: Spec
) -> None:
    """A port that is taken fails the one socket and leaves the other."""
    carry_out(Systemd().plan_install(spec, ()))
    systemd.service.end()
    systemd.active = {"rhd.socket"}
    assert verbs(Systemd().plan_stop()) == ["stop"]
    moved = verbs(Systemd().plan_restart(spec._replace(port=10), ()))
    assert moved == ["Write", "daemon-reload", "stop", "reset-failed", "start"]
    systemd.active = set()
    assert Systemd().plan_stop() == []


def test_without_a_session_the_way_to_one_is_said(
    tmp_path: Path, no_manager: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhctl.managers.systemd.BOOTED", str(tmp_path))
    with pytest.raises(HarnessError, match="no systemd user manager") as refused:
        Systemd().check()
    assert refused.value.code == "SERVICE_UNAVAILABLE"
    assert "loginctl enable-linger" in refused.value.next_step


def test_a_systemctl_that_is_broken_is_told(systemd: FakeSystemd, tmp_path: Path) -> None:
    (tmp_path / "bin/systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2; exit 1\n")
    with pytest.raises(HarnessError, match="Failed to connect to bus"):
        Systemd().state()


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"Result": "success", "StatusText": "serving"}, None),
        ({}, None),
        (
            {"Result": "exit-code", "StatusText": "the port is in use"},
            "it ended with an error; its last word was: the ",
        ),
        ({"Result": "exit-code", "ExecMainStatus": "203"}, "its program is gone; install the service again"),
        ({"Result": "watchdog", "StatusText": ""}, "it hung, and was ended"),
        ({"Result": "start-limit-hit"}, "it failed too often within a minute"),
        ({"Result": "something-new"}, "systemd calls it something-new"),
    ],
)
def test_why_it_failed_is_told_in_words(shown: dict[str, Any], told: str | None) -> None:
    assert (_problem(shown) or "").startswith(told or "")
    assert (_problem(shown) is None) == (told is None)
