"""Repositories that come and go while others are read."""

from __future__ import annotations

import itertools
import threading
import time

from tests.bench.figures import Figure, quantile, report, timed_ms
from tests.bench.measured_daemon import PRD, VerbContext, context
from tests.bench.wire import MODERN, drive

REPOS, TURNS = 100, 20


class Reader(threading.Thread):
    """Reads other repositories without pause until told to stop; a request that fails is counted."""

    def __init__(self, many: VerbContext, token: str) -> None:
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

    def stop(self) -> None:
        """Have it end; it must not have ended by itself, or nothing was read meanwhile."""
        assert self.is_alive()
        self.is_stopped = True
        self.join()


def main() -> None:
    """Measure and report."""
    with context(REPOS) as many:
        (token,) = many.grant(dict.fromkeys(many.slugs, ("planner",)))
        paths = [str(many.make(REPOS + number)) for number in range(2 * TURNS)]
        remaining = iter(paths)

        def adopt() -> None:
            many.verb("adopt", path=next(remaining))

        alone = timed_ms(adopt, times=TURNS)
        calm = Reader(many, token)
        calm.start()
        time.sleep(3)
        calm.stop()
        reader = Reader(many, token)
        reader.start()
        adopted = timed_ms(adopt, times=TURNS)
        leaving = iter(paths)
        forgotten = timed_ms(lambda: many.verb("forget", path=next(leaving)), times=TURNS)
        reader.stop()
    quiet = quantile(alone, 0.5)
    for what, took, goal, beside in (
        (f"adopt, {REPOS} repositories served and read", adopted, 100, quiet),
        (f"forget, {REPOS} repositories served and read", forgotten, 100, None),
    ):
        of = "without reads" if beside else ""
        report(
            Figure(what, "p50", quantile(took, 0.5), "ms", goal, beside, of), Figure(what, "longest", max(took), "ms")
        )
    report(Figure("reads elsewhere meanwhile", "failed", reader.failed, "", 0))
    for measure, share in (("p50", 0.5), ("p99", 0.99)):
        beside = quantile(calm.took_ms, share)
        value = quantile(reader.took_ms, share)
        report(Figure("reads elsewhere meanwhile", measure, value, "ms", None, beside, "without adoptions"))


if __name__ == "__main__":
    main()
