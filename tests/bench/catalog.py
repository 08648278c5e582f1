"""What a repository's catalog costs, and a confined open, beside what only listing, opening and reading takes."""

from __future__ import annotations

import gc
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from rhd.access import PLANNER
from rhd.rel_path import RelPath
from rhd.store.change_rows import ArtifactRow
from rhd.workflow import openat
from rhd.workflow.catalog import Catalog
from rhd.workflow.documents.sprint import Card, Sprint, render_sprint
from rhd.workflow.listing import list_page
from rhd.workflow.outline import read_outline
from rhd.workflow.reading import read_page
from rhd.workflow.root import Root
from tests.bench.figures import Figure, report, timed_ms
from tests.bench.measured_daemon import PRD, fill

KEY = b"k" * 32
ROUNDS, OPENS, CARDS = 9, 2000, 9
REPOS, ARTIFACTS, ONE = 100, 100, 300
BUILT = "nothing known"
GOAL_MS, GOAL_BYTES = 15, 300
TIMES = 8.0
WHY = (
    "Each file is opened beneath the root with one system call of its own, hashed with a key, read for title, status "
    "and cards, and its title searched for secrets; a plain reader of the bytes does none of that."
)
BY_NAME = "listing, opening and reading by name"


def read_all(top: Path) -> None:
    """List, look at, open and read everything, by name."""
    for folder, _, names in os.walk(top):
        for name in names:
            read_plainly(os.path.join(folder, name))


def read_plainly(name: str) -> None:
    """Read a file as any program would."""
    descriptor = os.open(name, os.O_RDONLY)
    os.read(descriptor, os.fstat(descriptor).st_size + 1)
    os.close(descriptor)


def refreshed(root: Root, known: Iterable[ArtifactRow] = ()) -> Catalog:
    """Return a catalog that was built and refreshed."""
    catalog = Catalog(root, KEY, known)
    catalog.refresh()
    return catalog


def of_one(top: Path) -> None:
    """Report what the catalog of one repository takes."""
    fill(top, ONE)
    time.sleep(0.2)  # out of the clock's grain, so that signatures are believed
    plain = min(timed_ms(lambda: read_all(top), times=ROUNDS))
    with Root.open(str(top)) as root:
        catalog = refreshed(root)
        rows = [artifact.row() for artifact in catalog.artifacts.all()]
        calls: dict[str, Callable[[], object]] = {
            BUILT: partial(refreshed, root),
            "from the store, all looked at again": partial(refreshed, root, rows),
            "rows of all for the store": lambda: [artifact.row() for artifact in catalog.artifacts.all()],
            "refreshed, nothing changed": catalog.refresh,
            "refreshed by a hint": partial(catalog.refresh, frozenset({"plans/prds"})),
            "a page of the list": partial(list_page, catalog.artifacts, readable=["planner"]),
        }
        for measure, call in calls.items():
            best = min(timed_ms(call, times=ROUNDS))
            goal, times, why = (GOAL_MS, TIMES, WHY) if measure == BUILT else (None, None, "")
            what = f"catalog of {ONE} artifacts"
            report(Figure(what, measure, best, "ms", goal, plain, BY_NAME, times, why, is_steady=True))


def of_many(top: Path) -> None:
    """Report what the catalogs of many repositories take."""
    for number in range(REPOS):
        fill(top / str(number), ARTIFACTS)
    time.sleep(0.2)
    plain = min(timed_ms(lambda: read_all(top), times=2))
    roots = [Root.open(str(top / str(number))) for number in range(REPOS)]
    best = min(timed_ms(lambda: [refreshed(root) for root in roots], times=2))
    gc.collect()
    tracemalloc.start()
    catalogs = [refreshed(root) for root in roots]
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    entries = sum(len(catalog.artifacts) for catalog in catalogs)
    what = f"catalogs of {REPOS} × {ARTIFACTS} artifacts"
    report(
        Figure(what, BUILT, best, "ms", None, plain, BY_NAME, is_steady=True),
        Figure(what, "memory", used / 1e6, "MB", is_steady=True),
        Figure(what, "memory an artifact", used / entries, "bytes", GOAL_BYTES, is_steady=True),
    )
    for root in roots:
        root.close()


def of_opens(top: Path) -> None:
    """Report what a confined open and a confined read take, in turns with plain ones."""
    fill(top, 1)
    name, path, folder = str(top / PRD), RelPath(PRD), os.open(top, openat.PASS)
    roots = {method: Root.open(str(top), method=method) for method in openat.WAYS}
    calls: dict[tuple[str, str], Callable[[], object]] = {("open", ""): lambda: os.close(os.open(name, os.O_RDONLY))}
    calls["read of 4 KiB", ""] = lambda: read_plainly(name)
    calls["open", "openat2"] = lambda: os.close(openat.openat2(folder, path, os.O_RDONLY))
    calls["open", "walk"] = lambda: os.close(openat.walk(folder, path, os.O_RDONLY))
    for method, root in roots.items():
        calls["read of 4 KiB", method] = partial(root.read, path, PLANNER.reach, 1 << 20)
        calls["read of 4 KiB", f"{method}, as a redacted page"] = partial(read_page, root, path, PLANNER.reach, KEY)
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for key, call in calls.items():
            start = time.perf_counter()
            for _ in range(OPENS):
                call()
            best[key] = min(best[key], (time.perf_counter() - start) / OPENS * 1e6)
    for (what, how), took in best.items():
        if how:
            report(Figure(f"confined {what}", how, took, "µs", None, best[what, ""], "a plain one", is_steady=True))
    for root in roots.values():
        root.close()
    os.close(folder)


def of_outline(_: Path) -> None:
    """Report what it takes to read the title, the status and the cards of a sprint."""
    card = Card(
        "Store the token",
        "Keep the token where the daemon finds it again after a restart.",
        files=["daemon/rhd/oauth/tokens.py"],
        checks=["pytest tests/rhd/oauth/test_tokens.py"],
        observations=["A client that logs in twice has one token that works."],
    )
    sprint = Sprint("Tokens", "plans/prds/tokens.prd.md", "Tokens", [card] * CARDS)
    data = render_sprint(sprint, "2026-12-01T00:00:00Z").encode()
    took = min(timed_ms(lambda: [read_outline("sprint", "a.sprint.md", data) for _ in range(100)], times=ROUNDS)) * 10
    report(Figure(f"outline of a sprint of {len(data):,} bytes", "title, status and cards", took, "µs", is_steady=True))


def main() -> None:
    """Measure and report."""
    for measure in (of_one, of_many, of_opens, of_outline):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder))


if __name__ == "__main__":
    main()
