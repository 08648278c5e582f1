"""Starts that are killed: forked where everything is imported, so that each costs milliseconds.

    python -m tests.support.killed_starts FOLDER STRIDE RANDOM_KILLS

A start is everything that `rhd` does before it serves. One is killed before each of its calls to the system, or each
STRIDE-th, in a new home and in one that was used; then some at random moments. After each kill comes a start that
is not killed. What was seen is printed as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import rhd.app
import rhd.logs
import rhd.store.database  # noqa: F401  # before the forks, which do without
from rhd.commandline import _open
from rhd.hosting.readiness import Readiness
from rhwire.home import Home

FLAGS: dict[str, Any] = {"host": None, "port": "0", "config": None}
TOUCHING = ("fcntl.", "open", "os.", "socket.", "sqlite3.", "tempfile.")
MAX_STEPS = 500
TOP = Path(__file__).resolve().parents[2]


def start(home: Path) -> None:
    """Start in this process, and end well."""
    with ExitStack() as stack:
        _open(Home(str(home)), FLAGS, Readiness(), stack)
        os._exit(0)


def killed_at(step: int, home: Path, report: int) -> None:
    """Start, and be killed before the call of that number; its name goes to `report`."""
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event.startswith(TOUCHING):
            count += 1
            if count > step:
                os.write(report, event.encode())
                signal.raise_signal(signal.SIGKILL)  # which raises no event itself

    sys.addaudithook(hook)
    start(home)


def fork(work: Callable[[], None]) -> int:
    """Do `work` in a child and return how it ended, as waitpid says it."""
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def kill_at_each_step(home: Path, stride: int) -> list[str]:
    """Kill one start after the other in homes that begin as `home` is; return the calls that they did not get to."""
    steps: list[str] = []
    for step in range(0, MAX_STEPS, stride):
        copy = home.with_name(f"{home.name}-{step}")
        if home.exists():
            subprocess.run(["cp", "-a", str(home), str(copy)], check=True)
        reader, writer = os.pipe()
        ended = fork(lambda: killed_at(step, copy, writer))  # noqa: B023
        os.close(writer)
        with os.fdopen(reader) as report:
            event = report.read()
        if ended == 0:
            return steps
        assert os.WIFSIGNALED(ended), f"the start itself failed at step {step}"
        steps.append(event)
        assert fork(lambda: start(copy)) == 0, f"after a kill before {event}, step {step}"  # noqa: B023
    raise AssertionError("a start has no end")


def kill_at_random(home: Path, kills: int) -> int:
    """Kill starts at random moments, all in one home; return how many were not over by then."""
    assert fork(lambda: start(home)) == 0
    begun = time.monotonic()
    assert fork(lambda: start(home)) == 0
    usual_s = time.monotonic() - begun
    hit = 0
    for number in range(kills):
        if number % 4 == 0:  # most of a first start is the database's
            for name in ("rhd.sqlite3", "rhd.sqlite3-journal", "rhd.sqlite3-wal", "rhd.sqlite3-shm"):
                (home / name).unlink(missing_ok=True)
        pid = os.fork()
        if not pid:
            start(home)
        time.sleep(random.uniform(0, usual_s))
        os.kill(pid, signal.SIGKILL)
        hit += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        assert fork(lambda: start(home)) == 0, f"after kill {number}"
    return hit


def modes_under_umask_zero(home: Path) -> dict[str, int]:
    """Start where files are made open to all users; return the modes of the files that were made."""
    before = os.umask(0)
    assert fork(lambda: start(home)) == 0
    os.umask(before)
    return {str(path.relative_to(home)): path.lstat().st_mode & 0o777 for path in [home, *home.rglob("*")]}


def run(folder: Path, *, stride: int, kills: int) -> dict[str, Any]:
    """Return what this module prints, from a process that has no threads and that is not traced."""
    command = [sys.executable, "-m", "tests.support.killed_starts", str(folder), str(stride), str(kills)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (TOP, TOP / "daemon", TOP / "ctl")))}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=1000, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main(folder: Path, stride: int, kills: int) -> None:
    """Do what the module says."""
    gc.disable()
    gc.freeze()  # or each child would copy what it only looks at
    used = folder / "used"
    found = {
        "first": kill_at_each_step(folder / "new", stride),
        "modes": modes_under_umask_zero(used),
        "later": kill_at_each_step(used, stride),
        "hit": kill_at_random(folder / "random", kills),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
