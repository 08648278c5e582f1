"""Saves killed at every system call, and a thousand times at random. Run by `make faults`; minutes, not seconds.

Every system call that strace sees a save make, from being told to until it says so, is a place to be killed at: which
those are is not written down here but seen in a whole save of the same scenario. The kill comes before the call is
carried out, so that all that can be on disk between two calls is looked at. What the kernel has not put on the disk
itself yet is not lost by a kill: power failures are not what this is about.

KILLED_SAVES sets another number of random kills.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rhd.access import PLANNER
from rhd.rel_path import RelPath
from rhd.workflow.artifact_writes import save
from rhd.workflow.root import Root
from tests.support import killed_saves

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("KILLED_SAVES", "1_000"))
WITHIN_S = 60.0
VARYING = {"brk", "getrandom", "madvise", "mmap", "mprotect", "mremap", "munmap"}
"""Calls for memory and for chance: a save makes more of them at one time than at another, and none of them shows on
disk. One that did not come is not missed."""

CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$", re.MULTILINE)


def calls_of_the_save(log: str) -> list[tuple[str, int]]:
    """Return the system calls between being told to and saying so, each with how many of its name came until it."""
    seen: Counter[str] = Counter()
    calls: list[tuple[str, int]] = []
    is_told = False
    for name, arguments in CALL.findall(log):
        seen[name] += 1
        if is_told:
            calls.append((name, seen[name]))
        if name == "read" and arguments.startswith('0, "go'):
            is_told = True
        if name == "write" and arguments.startswith('1, "saved'):
            return calls
    raise AssertionError(f"no save in {log}")


def start(repository: Path, method: str, scenario: str) -> subprocess.Popen[str]:
    """Start a process that is about to save, and waits to be told to."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "daemon", ROOT / "ctl"))),
    }
    command = [sys.executable, "-m", "tests.support.killed_saves", "once", str(repository), method, scenario]
    child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def traced(child: subprocess.Popen[str], *options: str) -> subprocess.Popen[str]:
    """Attach strace to it; returns when it is attached."""
    command = ["strace", "-f", "-p", str(child.pid), *options]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert strace.stderr is not None
    line = strace.stderr.readline()
    if "attached" not in line:
        child.kill()
        child.communicate()
        strace.communicate()
        pytest.skip(f"strace cannot attach here: {line.strip()}")
    return strace


def finish(child: subprocess.Popen[str], strace: subprocess.Popen[str]) -> tuple[int, str]:
    """Let it save; return its exit code and what it said."""
    said, _ = child.communicate("go\n", timeout=WITHIN_S)
    strace.communicate(timeout=WITHIN_S)
    return child.returncode, said


def check(repository: Path, method: Any, scenario: str, is_acknowledged: bool) -> str:
    """Fail unless the target is whole, what was acknowledged is there, and the next start leaves no trace of it."""
    target = repository / killed_saves.TARGETS[scenario]
    before, after = killed_saves.expected(scenario)
    found = target.read_text() if target.exists() else None
    assert found in (before, after)
    if is_acknowledged:
        assert found == after
    with Root.open(str(repository), method=method) as root:
        root.sweep()
        assert not list(repository.rglob(".rh-*"))
        path = RelPath(killed_saves.TARGETS[scenario])
        save(root, path, PLANNER.reach, "next\n", killed_saves.KEY, expected=None, is_ours=lambda _: True)
    assert target.read_text() == "next\n"
    assert os.stat(target).st_nlink == 1
    return "before" if found == before else "after"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("method", ["openat2", "walk"])
@pytest.mark.parametrize("scenario", killed_saves.TARGETS)
def test_a_save_is_killed_at_every_system_call_once(
    tmp_path: Path, method: str, scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = tmp_path / "calls"
    killed_saves.prepare(tmp_path / "whole", scenario)
    child = start(tmp_path / "whole", method, scenario)
    code, said = finish(child, traced(child, "-o", str(log)))
    assert (code, said) == (0, "saved\n")
    calls = calls_of_the_save(log.read_text())
    names = {name for name, _ in calls}
    assert calls.count(("fsync", 1)) == calls.count(("fsync", 2)) == 1
    assert names & {"linkat", "link", "renameat", "rename"}, calls

    found: Counter[str] = Counter()
    missed = []
    for name, number in calls:
        repository = tmp_path / f"{name}-{number}"
        killed_saves.prepare(repository, scenario)
        child = start(repository, method, scenario)
        inject = f"inject={name}:signal=KILL:when={number}"
        code, said = finish(child, traced(child, "-o", "/dev/null", "-e", f"trace={name}", "-e", inject))
        found[check(repository, method, scenario, is_acknowledged="saved" in said)] += 1
        if code != -signal.SIGKILL:
            missed.append(name)
        shutil.rmtree(repository)
    with capsys.disabled():
        print(
            f"\n{scenario}, {method}: killed at {len(calls) - len(missed)} of {len(calls)} system calls: {dict(found)}"
        )
        print(f"they were {' '.join(sorted(names))}; missed {missed}")
    assert set(missed) <= VARYING
    assert found["before"] > 0
    assert found["after"] > 0


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("method", ["openat2", "walk"])
def test_a_thousand_random_kills_lose_nothing_that_was_acknowledged(
    tmp_path: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = killed_saves.run_random(tmp_path / "repository", method, KILLS // 2, seed=7, timeout_s=3500)
    with capsys.disabled():
        print(f"\n{method}: {seen}")
    assert (seen["lost"], seen["torn"], seen["left"]) == (0, 0, 0)
    assert seen["saves"] > seen["rounds"], "there was something to lose"
    assert seen["orphans"] > 0, "kills landed inside of saves"
