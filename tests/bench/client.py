"""How long the commands take that scripts and agents run often."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time

from rhwire.home import ENVIRONMENT_NAME
from tests.bench.figures import Figure, report, run_ms
from tests.bench.measured_daemon import VerbContext, context
from tests.bench.wire import HANDSHAKE

REPOS = 100
TIMES = 30
RHCTL = (sys.executable, "-c", "import sys; from rhctl.__main__ import main; sys.exit(main())")
"""As the installed command does."""
BARE = "an interpreter that does nothing"
WHY = "A third is the interpreter, a third argparse, json and socket of the standard library, by -X importtime."
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
}


def bridge_ms(many: VerbContext) -> float:
    """Return the time from starting the bridge to the daemon's first answer through it."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [*RHCTL, "connect", "--repo", many.slugs[0]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    took = (time.perf_counter() - start) * 1e3
    assert b'"result"' in answer, answer
    process.communicate()
    return took


def main() -> None:
    """Measure and report; the three in turns, so that they share the moment."""
    with context(REPOS) as many:
        os.environ[ENVIRONMENT_NAME] = str(many.daemon.home)
        bare, status, bridge = [], [], []
        for _ in range(TIMES):
            bare.append(run_ms(sys.executable, "-c", "pass"))
            status.append(run_ms(*RHCTL, "status"))
            bridge.append(bridge_ms(many))
    floor = statistics.median(bare)
    report(Figure("rhctl status, 100 repositories", "p50", statistics.median(status), "ms", 45, floor, BARE, 4.0, WHY))
    report(
        Figure("rhctl connect to the first answer", "p50", statistics.median(bridge), "ms", 40, floor, BARE, 3.6, WHY)
    )


if __name__ == "__main__":
    main()
