"""A daemon without clients: memory, idle processor time, and how soon it answers after its start."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time

from tests.bench.figures import Figure, import_ms, report
from tests.bench.measured_daemon import PRD, VerbContext, context
from tests.bench.wire import ERAS, MODERN, Wire

CALM_AFTER_S = 5.0
IDLE_AFTER_S, IDLE_S = 30.0, 60.0
LISTENERS = 10
STARTS = 5
BETWEEN_EXEC_AND_BIND_S = 60


def memory(grown: VerbContext) -> float:
    """Return the megabytes that a fresh daemon takes, every repository read once through the hub in either era."""
    (token,) = grown.grant(dict.fromkeys(grown.slugs, ("planner",)))
    for era in ERAS:
        wire = grown.wire(era, token)
        for slug in grown.slugs:
            wire.result(wire.call("read_workflow_file", {"repo": slug, "path": PRD}))
        wire.close()
    return grown.process.memory_mb()


def idle(grown: VerbContext) -> tuple[float, float]:
    """Return the percent of a core that it uses while clients listen and nothing happens, and wake-ups a second."""
    (token,) = grown.grant(dict.fromkeys(grown.slugs, ("planner",)))
    wires = [grown.wire(MODERN, token) for _ in range(LISTENERS)]
    filters = {"resourceSubscriptions": [f"repo-harness://{slug}/{PRD}" for slug in grown.slugs]}
    for wire in wires:
        wire.socket.sendall(wire.request("subscriptions/listen", {"notifications": filters}))
    time.sleep(IDLE_AFTER_S)
    found = grown.process.idle(IDLE_S)
    for wire in wires:
        wire.close()
    return found


def first_answer_ms(grown: VerbContext, token: str) -> float:
    """Return the time from exec to the first answered `tools/list`, of a client that asks as soon as it can."""
    grown.daemon.end()
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "rhd", "--home", str(grown.daemon.home), "--port", str(grown.daemon.port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    grown.daemon.process = process
    while True:
        assert time.perf_counter() - start < BETWEEN_EXEC_AND_BIND_S, "the daemon did not start"
        try:
            wire = Wire(grown.daemon.port, "/mcp", MODERN, token)
            break
        except ConnectionRefusedError:
            time.sleep(0.002)
    assert wire.result(wire.request("tools/list", {}))["tools"]
    took = (time.perf_counter() - start) * 1e3
    wire.close()
    return took


def imported(grown: VerbContext) -> list[str]:
    """Return every module that is not ours and that a daemon has imported once it serves, in the order of imports."""
    grown.daemon.end()
    seen = len(grown.daemon.log)
    os.environ["PYTHONPROFILEIMPORTTIME"] = "1"
    try:
        grown.daemon.start()
    finally:
        del os.environ["PYTHONPROFILEIMPORTTIME"]
    names = re.findall(r"^import time:.*\| +(\S+)$", grown.daemon.log[seen:], re.MULTILINE)
    return [name for name in dict.fromkeys(names) if name.partition(".")[0] not in ("rhd", "rhwire", "imported")]


def first_answer(grown: VerbContext) -> Figure:
    """Return how long the first `tools/list` takes beyond what the imports take."""
    modules = imported(grown)
    (token,) = grown.grant(dict.fromkeys(grown.slugs, ("planner",)))
    first_answer_ms(grown, token)
    import_ms(modules)
    answers, imports = [], []
    for _ in range(STARTS):
        answers.append(first_answer_ms(grown, token))
        imports.append(import_ms(modules))
    bare = statistics.median(imports)
    found = statistics.median(answers)
    report(Figure(f"{len(grown.slugs)} repositories", "exec to the first tools/list", found, "ms", None, bare, IMPORTS))
    return Figure(f"{len(grown.slugs)} repositories", "beyond the imports", found - bare, "ms", 200)


IMPORTS = "a bare interpreter that imports the same packages"


def main() -> None:
    """Measure and report."""
    with context(1) as grown:
        found = {1: memory(grown)}
        report(Figure("1 repository", "memory", found[1], "MB", is_steady=True))
        for repos, goal_mb, goal_percent in ((100, 95, 0.05), (500, 115, None)):
            grown.adopt(repos)
            found[repos] = memory(grown)
            what = f"{repos} repositories"
            report(Figure(what, "memory", found[repos], "MB", goal_mb, is_steady=True))
            report(Figure(what, "processes beside the daemon's own", grown.process.children(), "", 0))
            busy, wakes_s = idle(grown)
            what = f"{what}, {LISTENERS} clients that listen"
            report(Figure(what, "idle", busy, "% of a core", goal_percent))
            report(Figure(what, "wake-ups a second", wakes_s, "", 1 if repos == 100 else None))
            if repos == 100:
                report(first_answer(grown))
        each = (found[500] - found[100]) / 400
        report(Figure("a further repository", "memory", each, "MB", 0.06, is_steady=True))


if __name__ == "__main__":
    main()
