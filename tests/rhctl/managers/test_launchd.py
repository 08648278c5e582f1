"""What is asked of launchd, and what is made of its answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rhctl.managers.launchd import Launchd
from rhctl.managers.steps import End, Run, Step, perform
from rhctl.managers.unit_files import Spec
from rhwire.errors import HarnessError
from rhwire.home import Home
from tests.support.fake_service_managers import FakeLaunchd


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    return Spec(("/bin/rhd",), Home(str(tmp_path / "home")), "127.0.0.1", 9, "/bin")


def verbs(steps: list[Step]) -> list[str]:
    """Return the steps in short."""
    return [step.command[1] if isinstance(step, Run) else type(step).__name__ for step in steps]


def carry_out(steps: list[Step]) -> None:
    for step in steps:
        perform(step, Launchd().environ)


def test_the_handover_comes_when_the_agent_is_written_and_before_it_is_loaded(launchd: FakeLaunchd, spec: Spec) -> None:
    """launchd starts it as it loads it."""
    plan = Launchd().plan_install(spec, [End(spec.home, 1)])
    assert verbs(plan) == ["enable", "Write", "End", "bootstrap", "kickstart"]


def test_what_it_knows_is_told(launchd: FakeLaunchd, spec: Spec) -> None:
    assert Launchd().installed() is None
    assert Launchd().state() == (False, "inactive", "inactive", None, None)
    carry_out(Launchd().plan_install(spec, ()))
    assert Launchd().installed() == spec
    assert Launchd().state() == (True, "active", "active", launchd.service.pid, None)
    assert Launchd().plan_install(spec, ()) == []
    assert Launchd().plan_start(spec) == []


def test_one_that_ended_badly_is_known_by_its_code(launchd: FakeLaunchd, spec: Spec) -> None:
    launchd.service.problem = "the port is in use"
    carry_out(Launchd().plan_install(spec, ()))
    assert Launchd().state() == (True, "active", "failed", None, "it ended with 1")


def test_a_restart_ends_it_well_and_starts_it_again(launchd: FakeLaunchd, spec: Spec) -> None:
    """launchd starts nothing again that ended well; and it is given the time to drain, which `kickstart -k` is not."""
    carry_out(Launchd().plan_install(spec, ()))
    pid = launchd.service.pid
    assert pid is not None
    plan = Launchd().plan_restart(spec, ())
    assert verbs(plan) == ["End", "kickstart"]
    carry_out(plan)
    assert launchd.service.pid not in (None, pid)


def test_another_port_unloads_it_whole(launchd: FakeLaunchd, spec: Spec) -> None:
    carry_out(Launchd().plan_install(spec, ()))
    plan = Launchd().plan_restart(spec._replace(port=10), ())
    assert verbs(plan) == ["Write", "bootout", "bootstrap", "kickstart"]
    carry_out(plan)
    assert Launchd().installed() == spec._replace(port=10)


def test_one_that_is_installed_and_not_loaded_is_loaded(launchd: FakeLaunchd, spec: Spec) -> None:
    carry_out(Launchd().plan_install(spec, ()))
    carry_out(Launchd().plan_stop())
    assert Launchd().state().sockets == "inactive"
    assert Launchd().plan_stop() == []
    assert verbs(Launchd().plan_start(spec)) == ["bootstrap", "kickstart"]
    Launchd().launch()
    assert Launchd().state().pid == launchd.service.pid


def test_launching_what_is_not_there_tells_why(launchd: FakeLaunchd, tmp_path: Path) -> None:
    (tmp_path / "bin/launchctl").write_text("#!/bin/sh\necho 'Bootstrap failed: 5: Input/output error' >&2; exit 5\n")
    with pytest.raises(HarnessError, match="Bootstrap failed: 5"):
        Launchd().launch()


def test_an_uninstallation_leaves_nothing_of_it(launchd: FakeLaunchd, spec: Spec) -> None:
    carry_out(Launchd().plan_install(spec, ()))
    carry_out(Launchd().plan_uninstall())
    assert launchd.service.pid is None
    assert not any(os.path.exists(path) for path in Launchd().files)
    carry_out(Launchd().plan_uninstall())


def test_there_is_no_launchctl_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError) as refused:
        Launchd().check()
    assert refused.value.code == "SERVICE_UNAVAILABLE"
