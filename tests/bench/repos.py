"""Repositories that come and go while others are read."""

from __future__ import annotations

import itertools
import threading
import time

from tests.bench.figures import Figure, quantile, report, timed_ms
from tests.bench.house import PRD, House, house
from tests.bench.wire import MODERN, drive

REPOS, TURNS = 100, 20


class Reader(threading.Thread):
    """Reads other repositories without pause until told to stop; a request that fails is counted."""

    def __init__(self, many: House, token: str) -> None:
        super().__init__()
        self.took_ms: list[float] = []
        self.failed = 0
        self.is_stopped = False
        self._wire = many.wire(MODERN, token)
        self._slugs = itertools.cycle(many.slugs[:REPOS])

    def run(self) -> None:
        while not self.is_stopped:
            try:
                self.took_ms += drive(
                    [self._wire],
                    lambda wire: wire.call("read_workflow_file", {"repo": next(self._slugs), "path": PRD}),
                    1,
                )
            except (AssertionError, OSError):
                self.failed += 1
            time.sleep(0.002)


def main() -> None:
    """Measure and report."""
    with house(REPOS) as many:
        (token,) = many.grant(dict.fromkeys(many.slugs, ("planner",)))
        paths = [str(many.make(REPOS + number)) for number in range(TURNS)]
        remaining = iter(paths)
        alone = timed_ms(lambda: many.verb("adopt", path=next(remaining)), times=TURNS)
        for path in paths:
            many.verb("forget", path=path)
        calm = Reader(many, token)
        calm.start()
        time.sleep(3)
        calm.is_stopped = True
        calm.join()
        reader = Reader(many, token)
        reader.start()
        remaining = iter(paths)
        adopted = timed_ms(lambda: many.verb("adopt", path=next(remaining)), times=TURNS)
        remaining = iter(paths)
        forgotten = timed_ms(lambda: many.verb("forget", path=next(remaining)), times=TURNS)
        reader.is_stopped = True
        reader.join()
    for what, took, goal in (
        ("adopt, 100 repositories served", alone, 100),
        ("forget, 100 repositories served", forgotten, 100),
        ("adopt, while another client reads without pause", adopted, None),
    ):
        report(Figure(what, "p50", quantile(took, 0.5), "ms", goal), Figure(what, "longest", max(took), "ms"))
    report(Figure("reads elsewhere meanwhile", "failed", reader.failed, "", 0))
    for measure, share in (("p50", 0.5), ("p99", 0.99)):
        beside = quantile(calm.took_ms, share)
        value = quantile(reader.took_ms, share)
        report(Figure("reads elsewhere meanwhile", measure, value, "ms", None, beside, "without adoptions"))


if __name__ == "__main__":
    main()
