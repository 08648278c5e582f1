"""systemd's user manager: three units in its folder, told of by systemctl."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from typing import TYPE_CHECKING

from rhctl.managers.manager import State
from rhctl.managers.steps import Remove, Run, Step, Write
from rhctl.managers.unit_files import SYSTEMD_UNITS, parse_systemd, render_systemd
from rhwire.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhctl.managers.unit_files import Spec

SERVICE, *SOCKETS = SYSTEMD_UNITS
BOOTED = "/run/systemd/system"
RUNTIMES = "/run/user"
LINGERING = "/var/lib/systemd/linger"
ANSWER_WITHIN_S = 120.0

_ASKED = "Id,ActiveState,UnitFileState,NeedDaemonReload,MainPID,Result,ExecMainStatus,StatusText"
_DOWN = ("inactive", "failed")
_NOT_EXECUTED = "203"
_RESULTS = {
    "core-dump": "it crashed",
    "exit-code": "it ended with an error",
    "oom-kill": "the machine ran out of memory",
    "signal": "it was killed",
    "start-limit-hit": "it failed too often within a minute",
    "timeout": "it did not start or end in time",
    "watchdog": "it hung, and was ended",
}


class Systemd:
    """The systemd user manager of the current user. Folders and sockets are looked up when they are needed."""

    name = "systemd"

    def __init__(self) -> None:
        config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        # A client may have been stripped of XDG_CONFIG_HOME since the installation.
        folders = [f"{folder}/systemd/user" for folder in dict.fromkeys([config, os.path.expanduser("~/.config")])]
        self._folder = next((f for f in folders if os.path.exists(f"{f}/{SERVICE}")), folders[0])
        usual = f"{RUNTIMES}/{os.getuid()}"
        runtimes = [os.environ.get("XDG_RUNTIME_DIR") or usual, usual]
        self._runtime = next((r for r in runtimes if os.path.exists(f"{r}/systemd/private")), None)

    @property
    def environ(self) -> dict[str, str]:
        """This process's environment, with the folder in which the manager listens."""
        return {**os.environ, "XDG_RUNTIME_DIR": self._runtime} if self._runtime else dict(os.environ)

    @property
    def files(self) -> tuple[str, ...]:
        """The three units."""
        return tuple(f"{self._folder}/{name}" for name in SYSTEMD_UNITS)

    def check(self) -> None:
        """Return if the manager can be reached.

        Raises:
            HarnessError: SERVICE_UNAVAILABLE.
        """
        if self._runtime is not None and shutil.which("systemctl"):
            return
        if not os.path.isdir(BOOTED):
            why, next_step = "systemd does not run this machine, which may be a container", None
            if _is_wsl():
                why = "systemd does not run this WSL distribution"
                next_step = "Put systemd=true under [boot] in /etc/wsl.conf and run: wsl --shutdown"
        else:
            why = "you have no systemd user manager now"
            next_step = "Log in as yourself rather than by su or sudo, or have one kept: loginctl enable-linger"
        raise HarnessError(why, code="SERVICE_UNAVAILABLE", next_step=next_step)

    def installed(self) -> Spec | None:
        """Return what the units say; None if there are none.

        Raises:
            HarnessError: SERVICE_INSTALLED, they are not ours.
        """
        texts = {name: text for name in SYSTEMD_UNITS if (text := self._read(name)) is not None}
        return parse_systemd(texts) if SERVICE in texts else None

    def state(self) -> State:
        """Return what the manager knows of the units now."""
        shown = self._show()
        service, sockets = shown[SERVICE], [shown[name] for name in SOCKETS]
        actives = {unit.get("ActiveState", "inactive") for unit in sockets}
        return State(
            is_enabled=all(unit.get("UnitFileState") == "enabled" for unit in shown.values()),
            sockets=next((s for s in ("failed", "inactive") if s in actives), "active"),
            service=service.get("ActiveState", "inactive"),
            pid=int(service.get("MainPID") or 0) or None,
            problem=_problem(service),
        )

    def lingers(self) -> bool | None:
        """Say whether the manager outlives the user's last session, and starts with the machine."""
        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return None
        return os.path.exists(f"{LINGERING}/{name}") if os.path.isdir(BOOTED) else None

    def log_command(self) -> str:
        """Return the command that shows the journal."""
        return "journalctl --user -u rhd -f"

    def launch(self) -> None:
        """Start the units; a start limit that was hit is kept.

        Raises:
            HarnessError: SERVICE_FAILED.
        """
        done = self._ask("start", *SYSTEMD_UNITS)
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise HarnessError(
                f"did not start: {self.state().problem or (said[0] if said else 'systemd does not say why')}",
                code="SERVICE_FAILED",
                next_step="Correct it, then start it with: rhctl service start",
            )

    def plan_install(self, spec: Spec, handover: Sequence[Step]) -> list[Step]:
        """Return the steps to `spec`, installed, enabled and started."""
        self._check_folder()
        return self._plan(spec, handover, enables=True)

    def plan_files(self, spec: Spec) -> list[Step]:
        """Return the steps that write the units."""
        return [Write(f"{self._folder}/{name}", text) for name, text in render_systemd(spec).items()]

    def plan_uninstall(self) -> list[Step]:
        """Return the steps that stop and disable the units, and remove them."""
        steps: list[Step] = []
        if self._runtime is not None:
            steps = [_run("stop", *SYSTEMD_UNITS, may_fail=True), _run("disable", *SYSTEMD_UNITS, may_fail=True)]
        links = ("default.target.wants", "sockets.target.wants")
        wanted = [f"{self._folder}/{folder}/{name}" for folder in links for name in SYSTEMD_UNITS]
        leftovers = [path for path in wanted if os.path.lexists(path)] if self._runtime is None else []
        steps += [Remove(path) for path in (*leftovers, *self.files) if os.path.lexists(path)]
        if self._runtime is not None:
            steps += [_run("daemon-reload"), _run("reset-failed", *SYSTEMD_UNITS, may_fail=True)]
        return steps

    def plan_start(self, spec: Spec) -> list[Step]:
        """Return the steps that start the units, as `spec` has them."""
        return self._plan(spec, ())

    def plan_stop(self) -> list[Step]:
        """Return the steps that stop the units: without its sockets, the service would come back at once."""
        return [] if _are_down(self._show()) else [_run("stop", *SYSTEMD_UNITS)]

    def plan_restart(self, spec: Spec, handover: Sequence[Step]) -> list[Step]:
        """Return the steps that restart the service: behind its sockets, unless `spec` has another address."""
        return self._plan(spec, handover, restarts=True)

    def _plan(
        self, spec: Spec, handover: Sequence[Step], *, enables: bool = False, restarts: bool = False
    ) -> list[Step]:
        changed = {name: text for name, text in render_systemd(spec).items() if self._read(name) != text}
        shown, state = self._show(), self.state()
        steps: list[Step] = [Write(f"{self._folder}/{name}", text) for name, text in changed.items()]
        if changed or any(unit.get("NeedDaemonReload") == "yes" for unit in shown.values()):
            steps.append(_run("daemon-reload"))
        if enables and not state.is_enabled:
            steps.append(_run("enable", *SYSTEMD_UNITS))
        # A start by hand is never refused for the number of starts in the last minute.
        reset = _run("reset-failed", *SYSTEMD_UNITS, may_fail=True)
        is_down = _are_down(shown)
        is_half = state.service not in _DOWN and state.sockets in _DOWN
        if is_half or (not is_down and changed.keys() & set(SOCKETS)):
            # A socket unit opens, or takes another address, only while neither it nor its service runs.
            steps += [_run("stop", *SYSTEMD_UNITS), *handover, reset, _run("start", *SYSTEMD_UNITS)]
        elif not is_down and (restarts or SERVICE in changed):
            # The service alone: who connects meanwhile waits in its sockets.
            steps += [*handover, reset, _run("start", *SOCKETS), _run("restart", SERVICE)]
        elif not state.service == state.sockets == "active":
            steps += [*handover, reset, _run("start", *SYSTEMD_UNITS)]
        return steps

    def _check_folder(self) -> None:
        """Refuse to write where the manager does not look: its XDG_CONFIG_HOME may be another than this shell's."""
        done = self._ask("show", "--property=UnitPath", "--value")
        if done.returncode == 0 and self._folder not in done.stdout.split():
            raise HarnessError(
                f"the service manager does not look for units in {self._folder}",
                code="SERVICE_FAILED",
                next_step="Run this with the HOME and XDG_CONFIG_HOME that your session began with.",
            )

    def _show(self) -> dict[str, dict[str, str]]:
        done = self._ask("show", f"--property={_ASKED}", *SYSTEMD_UNITS)
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise HarnessError(
                f"systemctl does not answer: {said[0] if said else done.returncode}",
                code="SERVICE_FAILED",
                next_step="See: systemctl --user status",
            )
        blocks = [dict(line.partition("=")[::2] for line in b.splitlines()) for b in done.stdout.split("\n\n")]
        return {name: next((b for b in blocks if b.get("Id") == name), {}) for name in SYSTEMD_UNITS}

    def _ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["systemctl", "--user", "--no-pager", *words]
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWER_WITHIN_S,
                env=self.environ,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HarnessError(f"systemctl could not be run: {error}", code="SERVICE_FAILED") from error

    def _read(self, name: str) -> str | None:
        try:
            with open(f"{self._folder}/{name}", encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except OSError:
            return None


def _run(verb: str, *units: str, may_fail: bool = False) -> Run:
    return Run(("systemctl", "--user", verb, *units), may_fail)


def _are_down(units: dict[str, dict[str, str]]) -> bool:
    """Say whether none of the units runs: one socket that listens is enough to start the service."""
    return all(unit.get("ActiveState", "inactive") in _DOWN for unit in units.values())


def _problem(service: dict[str, str]) -> str | None:
    """Return why the service last failed, with what it said itself."""
    result, said = service.get("Result", "success"), service.get("StatusText", "")
    if result == "success":
        return None
    if service.get("ExecMainStatus") == _NOT_EXECUTED:
        return "its program is gone; install the service again"
    meaning = _RESULTS.get(result, f"systemd calls it {result}")
    return f"{meaning}; its last word was: {said}" if said else meaning


def _is_wsl() -> bool:
    try:
        with open("/proc/version", encoding="utf-8") as stream:
            return "microsoft" in stream.read().lower()
    except OSError:
        return False
