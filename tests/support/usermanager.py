"""A real systemd user manager for tests: in namespaces and a cgroup of its own, as an unprivileged user.

It sees nothing of the machine's own managers and sessions, and the machine sees nothing of it. Needs root, for the
namespaces and the cgroup; the manager and all that it starts have none of root's rights.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
UID = 65534
READY_WITHIN_S = 20.0
PROGRAMS = ("unshare", "nsenter", "setpriv", "mount", "systemctl")
SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
RUNTIME = f"/run/user/{UID}"
DROPPED = [f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]

BOOT = """\
set -e
for cgroup in $CGROUPS; do mkdir "$cgroup"; echo $$ > "$cgroup/cgroup.procs"; chown -R $OWNER "$cgroup"; done
exec unshare --mount --pid --fork --kill-child --propagation private --mount-proc sh -c '
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system "$RUNTIME"
eval "$OPEN"
chown $OWNER "$RUNTIME"
chmod 700 "$RUNTIME"
setpriv $DROPPED env -i HOME="$HOME" PATH=/usr/bin:/bin XDG_RUNTIME_DIR="$RUNTIME" LANG=C.UTF-8 \
    SYSTEMD_LOG_TARGET=console "$SYSTEMD" --user
'
"""


class NoManager(Exception):
    """None can be started here; the text says why."""


@dataclass
class UserManager:
    """A running manager.

    Attributes:
        home: HOME of its user.
        init: process 1 of its namespace, as numbered here.
    """

    home: Path
    init: int

    def run(self, *words: str, within_s: float = 120, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command as the manager's user, beside the manager; without XDG_RUNTIME_DIR, as an agent would."""
        variables = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONPATH": f"{ROOT}/daemon:{ROOT}/ctl:{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            **environ,
        }
        inside = ["nsenter", f"--target={self.init}", "--mount", "--pid", "setpriv", *DROPPED]
        command = [*inside, "env", "-i", *(f"{name}={value}" for name, value in variables.items()), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False, cwd="/")

    def systemctl(self, *words: str) -> str:
        """Return what a `systemctl --user` command prints."""
        return self.run("systemctl", "--user", "--no-pager", *words, XDG_RUNTIME_DIR=RUNTIME).stdout.strip()

    def show(self, name: str, unit: str = "rhd.service") -> str:
        """Return one property of a unit."""
        return self.systemctl("show", "--value", f"--property={name}", unit)

    def rhctl(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the client."""
        return self.run(sys.executable, "-m", "rhctl", *words, **environ)

    def ask(self, *words: str, **environ: str) -> Any:
        """Return the JSON that a command of the client answers with; it must succeed."""
        done = self.rhctl(*words, "--json", **environ)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def wait_for(self, name: str, *values: str, unit: str = "rhd.service", within_s: float = 60) -> str:
        """Return a property once it has one of these values."""
        until = time.monotonic() + within_s
        while (found := self.show(name, unit)) not in values:
            assert time.monotonic() < until, f"{unit} {name} stayed {found!r}, not {values}\n{self.log}"
            time.sleep(0.05)
        return found

    @property
    def log(self) -> str:
        """What the service said: there is no journal."""
        path = self.home / "rhd.out"
        return path.read_text() if path.exists() else ""

    def drop_in(self, text: str) -> None:
        """Add to the service's unit, as its user would; for the next reload of the manager."""
        folder = self.home / ".config/systemd/user/rhd.service.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len(list(folder.iterdir()))}.conf").write_text(text)
        _give(self.home)


@contextmanager
def user_manager() -> Iterator[UserManager]:
    """Yield a manager whose user has an empty home.

    Raises:
        NoManager: none can be started here.
    """
    systemd = _find_systemd()
    home = Path(tempfile.mkdtemp(prefix="rh-", dir="/tmp"))
    cgroups = _cgroups(home.name)
    environ = {
        **os.environ,
        "CGROUPS": " ".join(map(str, cgroups)),
        "DROPPED": " ".join(DROPPED),
        "HOME": str(home),
        "OPEN": _open_script([ROOT, Path(sys.prefix), Path(sys.base_prefix)]),
        "OWNER": f"{UID}:{UID}",
        "RUNTIME": RUNTIME,
        "SYSTEMD": systemd,
    }
    _give(home)
    try:
        with (
            open(home / "manager.log", "wb") as log,
            subprocess.Popen(["sh", "-c", BOOT], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ) as boot,
        ):
            try:
                manager = UserManager(home, _wait_ready(boot, home))
                if (tried := manager.run(sys.executable, "-c", "import rhctl, rhd")).returncode:
                    raise NoManager(f"another user cannot run the checkout: {tried.stderr.strip()[-200:]}")
                manager.drop_in(f"[Service]\nStandardOutput=append:{home}/rhd.out\nStandardError=inherit\n")
                yield manager
            finally:
                boot.kill()  # and with it everything in its namespace
    finally:
        _remove(cgroups)
        shutil.rmtree(home, ignore_errors=True)


def _find_systemd() -> str:
    if os.geteuid() != 0:
        raise NoManager("a systemd user manager of one's own needs root, for its namespaces and its cgroup")
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        raise NoManager(f"a systemd user manager of one's own needs {', '.join(missing)}")
    found = next((path for path in SYSTEMD if os.path.exists(path)), None)
    if found is None:
        raise NoManager("systemd is not installed")
    return found


def _open_script(needed: list[Path]) -> str:
    """Return the commands that let another user reach folders which lie in closed ones, such as /root.

    A closed folder is covered by an empty one, in which the needed ones appear where they were.
    """
    closed = {path: found for path in needed if (found := _closed_ancestor(path)) is not None}
    lines = []
    for number, path in enumerate(closed):
        lines += [f"mkdir -p /run/kept/{number}", f"mount --rbind {quote(str(path))} /run/kept/{number}"]
    lines += [f"mount -t tmpfs -o mode=755 tmpfs {quote(str(folder))}" for folder in set(closed.values())]
    for number, path in enumerate(closed):
        lines += [f"mkdir -p {quote(str(path))}", f"mount --rbind /run/kept/{number} {quote(str(path))}"]
    return "\n".join(lines)


def _closed_ancestor(path: Path) -> Path | None:
    return next((p for p in reversed(path.resolve().parents) if p.stat().st_mode & 0o005 != 0o005), None)


def _cgroups(name: str) -> list[Path]:
    """Return the cgroups to make: in systemd's own hierarchies, beside this process's."""
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        places = {"": ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"), "name=systemd": ("/sys/fs/cgroup/systemd",)}
        for place in places.get(controllers, ()):
            parent = Path(place + path)
            if (parent / "cgroup.procs").exists():
                if not os.access(parent, os.W_OK):
                    raise NoManager(f"{parent} cannot be written: no cgroup can be made")
                found.append(parent / name)
    if not found:
        raise NoManager("no cgroup hierarchy is mounted that systemd could use")
    return found


def _wait_ready(boot: subprocess.Popen[bytes], home: Path) -> int:
    """Return the namespace's process 1 once the manager listens."""
    until = time.monotonic() + READY_WITHIN_S
    while boot.poll() is None and time.monotonic() < until:
        children = Path(f"/proc/{boot.pid}/task/{boot.pid}/children").read_text().split()
        if children and os.path.exists(f"/proc/{children[0]}/root{RUNTIME}/systemd/private"):
            return int(children[0])
        time.sleep(0.02)
    said = (home / "manager.log").read_text().strip().splitlines()
    raise NoManager(f"no systemd user manager can be started: {said[-1] if said else 'it says nothing'}")


def _give(folder: Path) -> None:
    """Let the manager's user own a folder and all that is in it."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, UID, UID, follow_symlinks=False)


def _remove(cgroups: list[Path]) -> None:
    for cgroup in cgroups:
        inner = sorted((p for p in cgroup.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts))
        for folder in [*inner, cgroup]:
            for _ in range(100):  # what ran in it may take a moment to be gone
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)
