"""Saves on a small file system of its own that fills up, runs out of inodes, turns read-only; prints what came of it.

unshare --mount sh -c 'mount -t tmpfs -o size=256k,nr_inodes=64 none FOLDER && python -m tests.support.full_disk FOLDER'
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from rhd.access import PLANNER, Reach
from rhd.errors import HarnessError
from rhd.rel_path import RelPath
from rhd.workflow.artifact_writes import append, save
from rhd.workflow.catalog import Catalog
from rhd.workflow.root import Root

KEY = b"k" * 32
ANYWHERE = Reach("anywhere", ("**",), ("**",), denied=())
OLD, NEXT = "# Old\n" * 2000, "# Next\n" * 5000
EXISTING, NEW, NOTE = (RelPath(f"plans/prds/{name}.prd.md") for name in ("existing", "new", "note"))


def put(root: Root, path: RelPath, text: str) -> str:
    """Save and return the outcome: `saved`, or the refusal's code and reason."""
    try:
        save(root, path, PLANNER.reach, text, KEY, expected=None, is_ours=lambda _: True)
    except HarnessError as refusal:
        return f"{refusal.code} {(refusal.details or {}).get('reason')}"
    return "saved"


def check(root: Root, what: str, problems: list[str]) -> None:
    """Note whatever is not whole."""
    top = Path(root.path)
    if (top / EXISTING).read_text() not in (OLD, NEXT):
        problems.append(f"{what}: the old content is torn")
    if (top / NEW).exists() and (top / NEW).read_text() != NEXT:
        problems.append(f"{what}: the new file is torn")
    if left := list(top.rglob(".rh-*")):
        problems.append(f"{what}: {len(left)} temporaries are left")


def fill_to(folder: Path, free_bytes: int) -> None:
    """Leave so much space free and no more."""
    filler = folder / "filler"
    filler.write_bytes(b"")
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with suppress(OSError), filler.open("wb") as file:
        file.write(b"x" * max(0, free - free_bytes))


def run_out_of_space(root: Root, folder: Path, problems: list[str]) -> Counter[str]:
    """Save with every amount of space from none to enough."""
    outcomes: Counter[str] = Counter()
    for free in range(0, 60 * 1024, 4096):
        (folder / EXISTING).write_text(OLD)
        (folder / NEW).unlink(missing_ok=True)
        fill_to(folder, free)
        for path in (EXISTING, NEW):
            outcomes[put(root, path, NEXT)] += 1
            check(root, f"{free} bytes free", problems)
        catalog = Catalog(root, KEY)
        catalog.refresh()
        if EXISTING not in catalog.artifacts:
            problems.append(f"{free} bytes free: the catalog does not see the file")
        (folder / "filler").unlink()
    if put(root, NEW, NEXT) != "saved":
        problems.append("nothing can be saved when there is space again")
    return outcomes


def run_out_of_inodes(root: Root, folder: Path, problems: list[str]) -> Counter[str]:
    """Save with no inode left for a temporary."""
    outcomes: Counter[str] = Counter()
    (folder / "many").mkdir()
    with suppress(OSError):
        for number in range(1000):
            (folder / f"many/{number}").touch()
    (folder / EXISTING).write_text(OLD)
    outcomes[put(root, EXISTING, NEXT)] += 1
    check(root, "no inodes", problems)
    for path in (folder / "many").iterdir():
        path.unlink()
    if put(root, EXISTING, NEXT) != "saved":
        problems.append("nothing can be saved when there are inodes again")
    return outcomes


def turn_read_only(root: Root, folder: Path, problems: list[str]) -> Counter[str]:
    """Save on a file system that was remounted, and read from it all the same."""
    outcomes: Counter[str] = Counter()
    (folder / EXISTING).write_text(OLD)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    for path in (EXISTING, RelPath(".ai/harness/handoff/codex-goal.md")):
        outcomes[put(root, path, NEXT)] += 1
    if root.read(EXISTING, PLANNER.reach, 1 << 20)[0].decode() != OLD:
        problems.append("read-only: the old content is gone")
    root.sweep()
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    if put(root, EXISTING, NEXT) != "saved":
        problems.append("nothing can be saved when it is writable again")
    return outcomes


def grow_a_note(root: Root, folder: Path, problems: list[str]) -> Counter[str]:
    """Append until the disk is full; every acknowledged line is there and none twice."""
    outcomes: Counter[str] = Counter()
    said = 0
    for number in range(1000):
        try:
            append(root, NOTE, PLANNER.reach, f"{number}:{'x' * 500}\n", KEY, max_bytes=1 << 20)
        except HarnessError as refusal:
            outcomes[f"{refusal.code} {(refusal.details or {}).get('reason')}"] += 1
            break
        said += 1
    lines = (folder / NOTE).read_text().splitlines()
    if [line.partition(":")[0] for line in lines] != [str(number) for number in range(said)]:
        problems.append("a note that was acknowledged is lost, or one that was not is there")
    check(root, "notes", problems)
    (folder / NOTE).unlink()
    return outcomes


def mount_inside(root: Root, folder: Path, problems: list[str]) -> Counter[str]:
    """Mount another file system on a folder of the repository, and look for what is in it."""
    outcomes: Counter[str] = Counter()
    mounted, orphan = folder / "plans/mounted", folder / "plans/prds/.rh-abcdefghjkmn.tmp"
    mounted.mkdir()
    orphan.touch()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(mounted)], check=True)
    (mounted / "a.md").write_text("of another file system")
    for operation in (
        lambda: root.read(RelPath("plans/mounted/a.md"), PLANNER.reach, 100),
        lambda: root.list(RelPath("plans/mounted"), PLANNER.reach),
        lambda: root.create(RelPath("plans/mounted/b.md"), ANYWHERE, b""),
    ):
        try:
            operation()
        except HarnessError as refusal:
            outcomes[refusal.code] += 1
    # What a service does when it opens a repository: a mount in it is passed over.
    if root.sweep() != 1 or orphan.exists():
        problems.append("the sweep did not take what was left beside the mount")
    catalog = Catalog(root, KEY)
    catalog.refresh()
    if any("mounted" in path for path in (*catalog.artifacts, *catalog.folders)):
        problems.append("the catalog holds what lies on another file system")
    if list(mounted.iterdir()) != [mounted / "a.md"]:
        problems.append("something was written to another file system")
    subprocess.run(["umount", str(mounted)], check=True)
    mounted.rmdir()
    return outcomes


def main(folder: Path) -> None:
    """Do all of it; print `{"problems": [...], "outcomes": {...}}`."""
    problems: list[str] = []
    (folder / "plans/prds").mkdir(parents=True)
    (folder / EXISTING).write_text(OLD)
    outcomes: dict[str, Any] = {}
    with Root.open(str(folder)) as root:
        for trouble in (run_out_of_space, run_out_of_inodes, turn_read_only, grow_a_note, mount_inside):
            outcomes[trouble.__name__] = trouble(root, folder, problems)
    print(json.dumps({"problems": problems, "outcomes": outcomes}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
