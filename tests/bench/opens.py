"""What a confined open costs beside a plain one: `PYTHONPATH=daemon:ctl:. python tests/bench/opens.py`.

All figures are of one run, in turns, the best of several rounds: machines and moments differ, the ratios do not.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rhd.access import PLANNER
from rhd.ids import RelPath
from rhd.workflow import beneath
from rhd.workflow.reading import read_page
from rhd.workflow.root import Root

ROUNDS, CALLS = 9, 2000
PATH = RelPath("plans/prds/20261101-0900-search.prd.md")
TEXT = "# Search\n\n> **Status**: Draft\n\n" + "Some text about what is to be done and why it is so.\n" * 76


@contextmanager
def repository() -> Iterator[Path]:
    """A folder with one artifact of 4 KiB."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, PATH)
        target.parent.mkdir(parents=True)
        target.write_text(TEXT[:4096])
        yield Path(folder)


def calls(top: Path) -> dict[str, Callable[[], object]]:
    """Return what is measured, by name; the first is what the others stand beside."""
    name = str(top / PATH)
    folder = os.open(top, beneath.PASS)
    roots = {method: Root.open(str(top), method=method) for method in beneath.WAYS}

    def plain_read() -> bytes:
        descriptor = os.open(name, os.O_RDONLY)
        try:
            return os.read(descriptor, os.fstat(descriptor).st_size + 1)
        finally:
            os.close(descriptor)

    return {
        "os.open": lambda: os.close(os.open(name, os.O_RDONLY)),
        "openat2, links refused": lambda: os.close(beneath.openat2(folder, PATH, os.O_RDONLY)),
        "walk, links refused": lambda: os.close(beneath.walk(folder, PATH, os.O_RDONLY)),
        "realpath, then open": lambda: os.close(os.open(os.path.realpath(name), os.O_RDONLY)),
        "open and read 4 KiB": plain_read,
        "Root.read 4 KiB, openat2": lambda: roots["openat2"].read(PATH, PLANNER.reach, 1 << 20),
        "Root.read 4 KiB, walk": lambda: roots["walk"].read(PATH, PLANNER.reach, 1 << 20),
        "read_page 4 KiB, redacted": lambda: read_page(roots["openat2"], PATH, PLANNER.reach, b"k" * 32),
    }


def main() -> None:
    """Measure and print."""
    with repository() as top:
        measured = calls(top)
        best = dict.fromkeys(measured, float("inf"))
        for _ in range(ROUNDS):
            for name, call in measured.items():
                start = time.perf_counter()
                for _ in range(CALLS):
                    call()
                best[name] = min(best[name], (time.perf_counter() - start) / CALLS)
    base = best["os.open"]
    print(f"{'':28} {'µs':>8} {'beside os.open':>15}")
    for name, seconds in best.items():
        print(f"{name:28} {seconds * 1e6:8.1f} {seconds / base:14.1f}x")


if __name__ == "__main__":
    main()
