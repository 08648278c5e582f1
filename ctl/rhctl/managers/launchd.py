"""launchd: one agent in ~/Library/LaunchAgents, told of by launchctl."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from rhctl.managers.manager import State
from rhctl.managers.steps import End, Remove, Run, Step, Write
from rhctl.managers.unit_files import LAUNCHD_LABEL, parse_plist, render_plist
from rhwire.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rhctl.managers.unit_files import Spec

ANSWER_WITHIN_S = 60.0


class Launchd:
    """The launch agents of the current user."""

    name = "launchd"

    def __init__(self) -> None:
        self._file = os.path.expanduser(f"~/Library/LaunchAgents/{LAUNCHD_LABEL}.plist")

    @property
    def environ(self) -> dict[str, str]:
        """This process's environment; launchctl needs nothing of it."""
        return dict(os.environ)

    @property
    def files(self) -> tuple[str, ...]:
        """The agent's property list."""
        return (self._file,)

    def check(self) -> None:
        """Return if launchd serves this user.

        Raises:
            HarnessError: SERVICE_UNAVAILABLE.
        """
        if self._ask("print", self._domain()).returncode:
            raise HarnessError(
                "launchd has no session of yours",
                code="SERVICE_UNAVAILABLE",
                next_step="Log in at the screen or over ssh as yourself, rather than by su or sudo.",
            )

    def installed(self) -> Spec | None:
        """Return what the agent says; None if there is none.

        Raises:
            HarnessError: SERVICE_INSTALLED, it is not ours.
        """
        text = self._read()
        return parse_plist(text) if text is not None else None

    def state(self) -> State:
        """Return what launchd knows of the agent now. Its sockets are open as long as it is loaded."""
        done = self._ask("print", self._target())
        if done.returncode:
            return State(False, "inactive", "inactive", None, None)
        pid = re.search(r"^\s*pid = (\d+)$", done.stdout, re.MULTILINE)
        ended = re.search(r"^\s*last exit code = (\d+)", done.stdout, re.MULTILINE)
        has_failed = pid is None and ended is not None and ended[1] != "0"
        return State(
            is_enabled=True,
            sockets="active",
            service="active" if pid else "failed" if has_failed else "inactive",
            pid=int(pid[1]) if pid else None,
            problem=f"it ended with {ended[1]}" if has_failed and ended else None,
        )

    def lingers(self) -> bool | None:
        """Say None: an agent belongs to its session."""
        return None

    def log_command(self) -> str:
        """Return the command that shows the home's log, which the agent writes to."""
        spec = self.installed()
        return f"tail -f {spec.home.log}" if spec else "tail -f rhd.log"

    def launch(self) -> None:
        """Load the agent if it is not, and start it.

        Raises:
            HarnessError: SERVICE_FAILED.
        """
        if self._ask("print", self._target()).returncode:
            self._ask("bootstrap", self._domain(), self._file)
        done = self._ask("kickstart", self._target())
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise HarnessError(
                f"did not start: {said[0] if said else 'launchd does not say why'}",
                code="SERVICE_FAILED",
                next_step="Correct it, then start it with: rhctl service start",
            )

    def plan_install(self, spec: Spec, handover: Sequence[Step]) -> list[Step]:
        """Return the steps to `spec`, written, enabled and loaded."""
        steps = self._plan(spec, handover)
        return [self._run("enable", self._target()), *steps] if steps else []

    def plan_files(self, spec: Spec) -> list[Step]:
        """Return the step that writes the agent."""
        return [Write(self._file, render_plist(spec))]

    def plan_uninstall(self) -> list[Step]:
        """Return the steps that unload the agent and remove its file."""
        found = [Remove(self._file)] if os.path.lexists(self._file) else []
        return [self._run("bootout", self._target(), may_fail=True), *found]

    def plan_start(self, spec: Spec) -> list[Step]:
        """Return the steps that load and start the agent, as `spec` has it."""
        return self._plan(spec, ())

    def plan_stop(self) -> list[Step]:
        """Return the step that unloads the agent, its sockets included."""
        is_down = self.state().sockets == "inactive"
        return [] if is_down else [self._run("bootout", self._target())]

    def plan_restart(self, spec: Spec, handover: Sequence[Step]) -> list[Step]:
        """Return the steps that restart the agent: behind its sockets, unless `spec` has another address."""
        return self._plan(spec, handover, restarts=True)

    def _plan(self, spec: Spec, handover: Sequence[Step], *, restarts: bool = False) -> list[Step]:
        text, state = render_plist(spec), self.state()
        start = self._run("kickstart", self._target())
        load = self._run("bootstrap", self._domain(), self._file)
        is_loaded = state.sockets == "active"
        if text != self._read():
            # launchd reads an agent when it loads it, and unloads it only whole.
            unload = [self._run("bootout", self._target(), may_fail=True)] if is_loaded else []
            return [Write(self._file, text), *unload, *handover, load, start]
        if not is_loaded:
            return [*handover, load, start]
        if restarts and state.pid is not None:
            # It drains and ends well, for which launchd does not start it again: that is for us to do.
            return [End(spec.home, state.pid), start]
        return [] if state.service == "active" else [*handover, start]

    def _target(self) -> str:
        return f"{self._domain()}/{LAUNCHD_LABEL}"

    @staticmethod
    def _domain() -> str:
        return f"gui/{os.getuid()}"

    @staticmethod
    def _run(*words: str, may_fail: bool = False) -> Run:
        return Run(("launchctl", *words), may_fail)

    def _ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["launchctl", *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWER_WITHIN_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HarnessError(f"launchctl could not be run: {error}", code="SERVICE_UNAVAILABLE") from error

    def _read(self) -> str | None:
        try:
            with open(self._file, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except OSError:
            return None
