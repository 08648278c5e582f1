"""What catalogs cost: `PYTHONPATH=daemon:ctl:. python tests/bench/catalog.py`.

Time for one repository of 300 artifacts and memory for 100 repositories of 100, each of 4 KiB. Beside each time
stands what only listing, opening and reading the same files takes in the same run.
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from rhd.workflow import beneath
from rhd.workflow.artifacts import Row
from rhd.workflow.catalog import Catalog
from rhd.workflow.listing import list_page
from rhd.workflow.root import Root

KEY = b"k" * 32
ROUNDS = 9
PLACES = (
    ("plans/prds", ".prd.md"),
    ("plans/sprints", ".sprint.md"),
    ("plans", ".md"),
    ("tasks/contracts", ".contract.md"),
    ("tasks/notes", ".notes.md"),
    ("tasks/reviews", ".review.md"),
)
PROSE = "What is to be done stands here, and why, and how one will know that it is done.\n"


def fill(top: Path, count: int) -> None:
    """Write `count` artifacts of 4 KiB as a project has them."""
    for number in range(count):
        folder, ending = PLACES[number % len(PLACES)]
        path = top / folder / f"2026{number % 12 + 1:02}{number % 28 + 1:02}-0900-artifact-{number}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        cards = "".join(
            f"### Task Card {n}: Slice\n\n- [x] Objective: `a`\n- [ ] Verification: b\n\n" for n in range(1, 7)
        )
        text = f"# Artifact number {number}\n\n> **Status**: Draft\n\n" + (cards if "sprint" in ending else "")
        path.write_text((text + PROSE * 60)[:4096])


def best_of(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the shortest time of several, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def read_all(top: Path) -> None:
    """List, look at, open and read everything, by name."""
    for folder, _, names in os.walk(top):
        for name in names:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.read(descriptor, os.fstat(descriptor).st_size + 1)
            os.close(descriptor)


def show(what: str, milliseconds: float) -> None:
    """Print one line."""
    print(f"  {what:42}{milliseconds:8.1f} ms", flush=True)


def time_of_one(top: Path, count: int) -> None:
    """Print what one repository takes."""
    fill(top, count)
    time.sleep(0.2)  # out of the clock's grain, so that signatures are believed
    print(f"one repository of {count} artifacts")
    show("list, open and read them by name", best_of(lambda: read_all(top)))
    for method in beneath.WAYS:
        with Root.open(str(top), method=method) as root:
            show(f"catalog, nothing known ({method})", best_of(partial(refreshed, root)))
            catalog = refreshed(root)
            rows = [artifact.row() for artifact in catalog.artifacts.all()]
            show("from the store, all looked at again", best_of(partial(refreshed, root, rows)))
            show("refreshed, nothing changed", best_of(catalog.refresh))
            show("refreshed by a hint", best_of(partial(catalog.refresh, frozenset({"plans/prds"}))))
            show("a page of the list", best_of(partial(list_page, catalog.artifacts, readable=["planner"])))


def refreshed(root: Root, known: Iterable[Row] = ()) -> Catalog:
    """Return a catalog that was built and refreshed."""
    catalog = Catalog(root, KEY, known)
    catalog.refresh()
    return catalog


def memory_of_many(top: Path, repositories: int, count: int) -> None:
    """Print what many repositories take."""
    for number in range(repositories):
        fill(top / str(number), count)
    time.sleep(0.2)
    roots = [Root.open(str(top / str(number))) for number in range(repositories)]
    refreshed(roots[0])  # what is cached once for all
    start = time.perf_counter()
    for root in roots:
        refreshed(root)
    seconds = time.perf_counter() - start
    gc.collect()
    tracemalloc.start()
    catalogs = [refreshed(root) for root in roots]
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    entries = sum(len(catalog.artifacts) for catalog in catalogs)
    print(f"{repositories} repositories of {count} artifacts")
    show("all catalogs, nothing known", seconds * 1e3)
    print(f"  memory, all in: {used / 1024:,.0f} KiB, {used / entries:.0f} bytes an artifact")
    for root in roots:
        root.close()


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        time_of_one(Path(folder), 300)
    with tempfile.TemporaryDirectory() as folder:
        memory_of_many(Path(folder), 100, 100)


if __name__ == "__main__":
    main()
