"""Service managers to play against: `systemctl` and `launchctl` on PATH, which ask an object in the test."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from rhctl.managers.unit_files import SYSTEMD_UNITS, parse_plist, parse_systemd
from rhwire.home import Home
from tests.support import lock_holder

UNITS = set(SYSTEMD_UNITS)
SOCKETS = {"rhd.socket", "rhd-http.socket"}

# No interpreter to wait for: the words go through one pipe, and code, complaint and answer come back through another.
SCRIPT = """\
#!/bin/sh
cd '{folder}' || exit 1
{{ for word in "$@"; do printf '%s\\n' "$word"; done; echo; }} > asked
exec 3< answered
IFS= read -r code <&3
IFS= read -r said <&3
[ -z "$said" ] || printf '%s\\n' "$said" >&2
while IFS= read -r line <&3; do printf '%s\\n' "$line"; done
exit "$code"
"""


class Answer(NamedTuple):
    """How a command ends, and what it prints."""

    code: int = 0
    out: str = ""
    err: str = ""


class Manager(Protocol):
    """What a command asks."""

    def answer(self, words: Sequence[str]) -> Answer: ...

    def end(self) -> None: ...


@contextmanager
def on_path(folder: Path, name: str, manager: Manager) -> Iterator[None]:
    """Have a command of that name in `folder`, which the caller puts on PATH, and answer it."""
    folder.mkdir()
    for pipe in ("asked", "answered"):
        os.mkfifo(folder / pipe)
    script = folder / name
    script.write_text(SCRIPT.format(folder=folder))
    script.chmod(0o755)

    def serve() -> None:
        while words := (folder / "asked").read_text().splitlines()[:-1]:
            answer = manager.answer(words)
            (folder / "answered").write_text(f"{answer.code}\n{answer.err}\n{answer.out}\n".removesuffix("\n\n") + "\n")

    thread = threading.Thread(target=serve, name=name)
    thread.start()
    try:
        yield
    finally:
        (folder / "asked").write_text("\n")
        thread.join(10)
        manager.end()


class FakeService:
    """The daemon that a manager keeps; a stand-in runs for it.

    Attributes:
        problem: why it cannot start; None if it can.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        return None

    def start(self, home: Home, port: int) -> bool:
        """Start it, unless it runs; say whether that went well."""
        if self.problem is None and self.pid is None:
            self._process = lock_holder.start(home, port)
        return self.problem is None

    def end(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


class FakeSystemd:
    """systemd's user manager, as far as `rhctl service` knows it.

    Attributes:
        calls: every command that changes something, without `--user` and `--no-pager`.
        active: the units that are.
        enabled: the units that start with the session.
        service: its daemon.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, str] = {}
        self.calls: list[str] = []
        self.active: set[str] = set()
        self.enabled: set[str] = set()
        self.service = FakeService()
        self.has_failed = False

    @property
    def files(self) -> dict[str, str]:
        """The units on disk, by name."""
        return {name: (self._folder / name).read_text() for name in UNITS if (self._folder / name).exists()}

    def answer(self, words: Sequence[str]) -> Answer:
        """Do what one command asks."""
        assert words[0] == "--user"
        verb, *rest = [word for word in words[1:] if word != "--no-pager"]
        if verb == "show":
            return self._show(rest)
        self.calls.append(" ".join([verb, *rest]))
        for name, text in self.files.items():  # a unit is read when it is first asked for
            self._loaded.setdefault(name, text)
        if verb in ("start", "restart", "enable") and (missing := set(rest) - self._loaded.keys()):
            return Answer(5, "", f"Failed to {verb}: Unit {min(missing)} not found.")
        return {
            "daemon-reload": self._reload,
            "enable": lambda: self._enable(rest),
            "disable": lambda: self._disable(rest),
            "reset-failed": self._reset,
            "start": lambda: self._start(rest),
            "stop": lambda: self._stop(rest),
            "restart": lambda: self._restart(rest),
        }[verb]()

    def end(self) -> None:
        """End what still runs."""
        self.service.end()

    def _show(self, words: Sequence[str]) -> Answer:
        if "--value" in words:
            return Answer(0, f"/etc/systemd/user {self._folder}")
        state = {name: "active" if name in self.active else "inactive" for name in SYSTEMD_UNITS}
        if "rhd.service" in self.active and self.service.pid is None:
            state["rhd.service"] = "failed"
        blocks = []
        for name in words[1:]:
            is_service = name == "rhd.service"
            failed = is_service and self.has_failed
            blocks.append(
                f"Id={name}\nActiveState={'failed' if failed else state[name]}\n"
                f"UnitFileState={'enabled' if name in self.enabled else 'disabled' if name in self.files else ''}\n"
                f"NeedDaemonReload={'yes' if self._loaded.get(name) != self.files.get(name) else 'no'}\n"
                f"Result={'exit-code' if failed else 'success'}"
                + (f"\nMainPID={self.service.pid or 0}\nExecMainStatus={int(failed)}" if is_service else "")
                + (f"\nStatusText={self.service.problem or ''}" if is_service else "")
            )
        return Answer(0, "\n\n".join(blocks))

    def _reload(self) -> Answer:
        self._loaded = self.files
        return Answer()

    def _enable(self, names: Sequence[str]) -> Answer:
        self.enabled |= set(names)
        return Answer()

    def _disable(self, names: Sequence[str]) -> Answer:
        self.enabled -= set(names)
        return Answer()

    def _reset(self) -> Answer:
        self.has_failed = False
        return Answer()

    def _start(self, names: Sequence[str]) -> Answer:
        if set(names) & SOCKETS - self.active and self.service.pid is not None:
            return Answer(1, "", "Job failed. See the journal.")  # "Socket service already active, refusing."
        self.active |= set(names) & SOCKETS
        if "rhd.service" in names:
            self.active |= SOCKETS  # Sockets= says so
            spec = parse_systemd(self._loaded)
            if not self.service.start(spec.home, spec.port):
                self.has_failed = True
                return Answer(1, "", "Job for rhd.service failed because the control process exited with error code.")
            self.active.add("rhd.service")
        return Answer()

    def _stop(self, names: Sequence[str]) -> Answer:
        self.active -= set(names)
        if "rhd.service" in names:
            self.service.end()
        return Answer()

    def _restart(self, names: Sequence[str]) -> Answer:
        self._stop(names)
        return self._start(names)


class FakeLaunchd:
    """launchd's domain of one user, as far as `rhctl service` knows it.

    Attributes:
        calls: every command that changes something.
        service: its daemon.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.service = FakeService()
        self._loaded: str | None = None
        self.has_session = True

    def answer(self, words: Sequence[str]) -> Answer:
        """Do what one command asks."""
        verb, *rest = words
        is_agent = bool(rest) and rest[0].count("/") == 2
        if verb == "print":
            if not is_agent:
                return Answer(0 if self.has_session else 113)
            if self._loaded is None:
                return Answer(113, "", 'Could not find service "dev.repo-harness.rhd" in domain for user gui')
            pid = f"\n\tpid = {self.service.pid}" if self.service.pid else ""
            code = 1 if self.service.problem else 0
            return Answer(
                0, f"gui/501/dev.repo-harness.rhd = {{\n\tactive count = 1{pid}\n\tlast exit code = {code}\n}}"
            )
        self.calls.append(re.sub(r"gui/\d+", "gui", " ".join(words)))
        match verb:
            case "bootstrap":
                self._loaded = Path(rest[1]).read_text()
            case "bootout":
                if self._loaded is None:
                    return Answer(3, "", "Boot-out failed: 3: No such process")
                self.service.end()
                self._loaded = None
            case "kickstart":
                if self._loaded is None:
                    return Answer(113, "", "Could not find service")
                spec = parse_plist(self._loaded)
                self.service.start(spec.home, spec.port)
        return Answer()

    def end(self) -> None:
        """End what still runs."""
        self.service.end()
