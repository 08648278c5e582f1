"""Saves that are killed: a process that saves once when told to, and one that kills others at random.

    python -m tests.support.killed_saves once REPOSITORY METHOD SCENARIO
    python -m tests.support.killed_saves random REPOSITORY METHOD ROUNDS SEED

`once` says `ready`, waits for a line, saves, says `saved`; its parent kills it in between. `random` forks
savers, kills each after a few milliseconds, and checks after each that nothing acknowledged is lost, nothing is
half, and that sweeping leaves no temporary; it prints what it saw, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rhd.access import PLANNER, PLANNER_NOTE
from rhd.rel_path import RelPath
from rhd.workflow.artifact_writes import append, save
from rhd.workflow.root import Root

KEY = b"k" * 32
OLD, NEW = "# Old\n" + "old line\n" * 500, "# New\n" + "new line\n" * 700
TARGETS: Mapping[str, str] = {
    "replace": "plans/prds/replaced.prd.md",
    "create": "plans/prds/created.prd.md",
    "create with folders": ".ai/harness/handoff/codex-goal.md",
    "append": PLANNER_NOTE,
}
NUMBERED = tuple(RelPath(f"plans/prds/numbered-{n}.prd.md") for n in range(3))
_ACK = struct.Struct("<BI")


def prepare(repository: Path, scenario: str) -> None:
    """Lay out what a scenario begins with."""
    (repository / "plans/prds").mkdir(parents=True, exist_ok=True)
    target = repository / TARGETS[scenario]
    if scenario in ("replace", "append"):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(OLD)


def expected(scenario: str) -> tuple[str | None, str]:
    """Return what may be found after a kill: the content before, and the content after."""
    before = OLD if scenario in ("replace", "append") else None
    return before, OLD + NEW if scenario == "append" else NEW


def save_once(root: Root, scenario: str) -> None:
    """Save as the tools do."""
    path = RelPath(TARGETS[scenario])
    if scenario == "append":
        append(root, path, PLANNER.reach, NEW, KEY)
    else:
        save(root, path, PLANNER.reach, NEW, KEY, expected=None, is_ours=lambda _: True)


def numbered(number: int) -> str:
    """Return a content that says which it is and whether it is whole; lengths differ widely."""
    body = f"{number}\n" + "x" * (number * 7919 % 30_000)
    return f"{body}\n{hashlib.sha256(body.encode()).hexdigest()}\n"


def number_of(content: str) -> int:
    """Return which content this is.

    Raises:
        ValueError: it is not whole.
    """
    body, digest, rest = content.rsplit("\n", 2)
    if rest or hashlib.sha256(body.encode()).hexdigest() != digest:
        raise ValueError("torn")
    return int(body.split("\n", 1)[0])


def kill_at_random(repository: Path, method: Any, rounds: int, seed: int) -> dict[str, Any]:
    """Fork, kill, check, `rounds` times; return the figures."""
    rng = random.Random(seed)
    (repository / "plans/prds").mkdir(parents=True, exist_ok=True)
    acknowledged = [0] * len(NUMBERED)
    seen: dict[str, Any] = {"rounds": rounds, "saves": 0, "lost": 0, "torn": 0, "orphans": 0, "left": 0}
    for _ in range(rounds):
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                _save_on_and_on(repository, method, max(acknowledged) + 1, writer)
            finally:
                os._exit(1)
        os.close(writer)
        os.read(reader, 1)  # it has begun
        time.sleep(rng.random() * 0.012)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with os.fdopen(reader, "rb") as acks:
            said = acks.read()
        for which, number in _ACK.iter_unpack(said[: len(said) - len(said) % _ACK.size]):
            acknowledged[which] = number
            seen["saves"] += 1
        for which, path in enumerate(NUMBERED):
            try:
                found = number_of((repository / path).read_text())
            except FileNotFoundError:
                found = 0
            except ValueError:
                seen["torn"] += 1
                continue
            seen["lost"] += found < acknowledged[which]
            acknowledged[which] = max(found, acknowledged[which])
        with Root.open(str(repository), method=method) as root:
            seen["orphans"] += root.sweep()
        seen["left"] += sum(1 for path in repository.rglob(".rh-*"))
    return seen


def _save_on_and_on(repository: Path, method: Any, number: int, writer: int) -> None:
    with Root.open(str(repository), method=method) as root:
        os.write(writer, b"!")
        while True:
            for which, path in enumerate(NUMBERED):
                save(root, path, PLANNER.reach, numbered(number), KEY, expected=None, is_ours=lambda _: True)
                os.write(writer, _ACK.pack(which, number))
            number += 1


def run_random(repository: Path, method: str, rounds: int, *, seed: int, timeout_s: float) -> dict[str, Any]:
    """Kill at random from a process without the audit hook and without threads; return what it printed."""
    top = Path(__file__).parents[2]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, (top, top / "daemon", top / "ctl"))),
    }
    module = [sys.executable, "-m", "tests.support.killed_saves", "random"]
    command = [*module, str(repository), method, str(rounds), str(seed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=timeout_s)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main(arguments: list[str]) -> None:
    """Do what the module says."""
    what, repository, method, *rest = arguments
    if what == "once":
        with Root.open(repository, method=method) as root:  # type: ignore[arg-type]
            print("ready", flush=True)
            # Not by reading: strace sees a read that is under way when it attaches at one time, and not at another.
            select.select([sys.stdin], [], [])
            sys.stdin.readline()
            save_once(root, rest[0])
            print("saved", flush=True)
    else:
        print(json.dumps(kill_at_random(Path(repository), method, int(rest[0]), int(rest[1]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
