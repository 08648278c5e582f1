"""What an action is about, and what it refuses before it does anything. tests/rhctl/commands/test_service.py acts."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from rhctl.managers import actions
from rhctl.managers.actions import ask_url, find_drift, find_subject, missing_programs, plan_install, plan_start
from rhctl.managers.steps import Detach
from rhctl.managers.unit_files import Spec
from rhwire.errors import HarnessError
from rhwire.home import Home
from rhwire.lock import take_lock
from tests.support import lock_holder
from tests.support.fake_service_managers import FakeSystemd


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(str(tmp_path / "home"))


def test_a_home_is_the_one_named_before_the_one_installed(
    systemd: FakeSystemd, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = find_subject(None)
    assert (default.home.is_default, default.installed) == (True, None)
    assert find_subject(home.base).home.base == home.base
    home.prepare()
    with socket.create_server(("127.0.0.1", 0)) as free:  # 8765 may be taken on the machine that runs the tests
        Path(home.base, "config.toml").write_text(f"port = {free.getsockname()[1]}\n")
    spec, plan = plan_install(find_subject(home.base), None)
    actions.carry_out(find_subject(home.base), plan[:3])
    assert find_subject(None).home.base == home.base
    assert find_subject(None).service == spec
    monkeypatch.setenv("REPO_HARNESS_HOME", "/elsewhere")
    assert find_subject(None).home.base == "/elsewhere"
    assert find_subject(None).service is None


def test_settings_that_leave_the_port_open_are_no_service(systemd: FakeSystemd, home: Home) -> None:
    home.prepare()
    Path(home.base, "config.toml").write_text("port = 0\n")
    with pytest.raises(HarnessError, match="leave the port open") as refused:
        plan_install(find_subject(home.base), None)
    assert "--port 8765" in refused.value.next_step


def test_settings_that_cannot_be_used_are_refused_with_what_is_wrong(systemd: FakeSystemd, home: Home) -> None:
    home.prepare()
    Path(home.base, "config.toml").write_text("port = 'many'\n")
    with pytest.raises(HarnessError, match="port") as refused:
        plan_install(find_subject(home.base), None)
    assert refused.value.code == "CONFIG_INVALID"
    spec = Spec(("/bin/rhd",), home, "127.0.0.1", 9, "/bin")
    assert "port" in str(find_drift(spec))


def test_a_port_that_our_own_daemon_has_is_free_for_the_service(systemd: FakeSystemd, home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(HarnessError) as refused:
            plan_install(find_subject(home.base), port)
        assert refused.value.code == "PORT_IN_USE"
        process = lock_holder.start(home, port)  # it says that the port is its own
        try:
            spec, _ = plan_install(find_subject(home.base), port)
        finally:
            process.terminate()
            process.wait(10)
    assert spec.port == port


def test_a_start_without_a_service_detaches_a_daemon(no_manager: None, home: Home) -> None:
    (step,) = plan_start(find_subject(home.base), None)
    assert isinstance(step, Detach)
    assert step.home.base == home.base


def test_a_daemon_that_does_not_answer_has_no_url(home: Home) -> None:
    assert ask_url(home) is None
    home.prepare()
    fd = take_lock(home.lock)
    assert ask_url(home) is None
    os.close(fd)


def test_programs_that_a_path_lacks_are_named(tmp_path: Path) -> None:
    (tmp_path / "git").touch(mode=0o755)
    (tmp_path / "codex").touch(mode=0o644)
    assert missing_programs(str(tmp_path)) == ["codex", "claude"]
