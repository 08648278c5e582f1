"""Full, read-only and exhausted: on a real, small file system. Run by `make faults`."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from rhd.access import PLANNER
from rhd.errors import HarnessError
from rhd.rel_path import RelPath
from rhd.workflow.artifact_writes import append, save
from rhd.workflow.catalog import Catalog
from rhd.workflow.reading import read_page
from rhd.workflow.root import Root
from tests.support.repositories import Repository

ROOT = Path(__file__).parents[2]
KEY = b"k" * 32
PRD = "plans/prds/20261101-0900-search.prd.md"
IN_ITS_OWN_MOUNTS = (
    'mount --make-rprivate / 2>/dev/null; mount -t tmpfs -o size=256k,nr_inodes=64 none "$1"'
    ' && exec "$2" -m tests.support.full_disk "$1"'
)


@pytest.mark.timeout(300)
def test_a_full_disk_leaves_the_old_content_says_so_and_recovers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("this machine lets us have no mounts of our own")
    disk = tmp_path / "disk"
    disk.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "daemon", ROOT / "ctl"))),
    }
    command = ["unshare", "--mount", "sh", "-c", IN_ITS_OWN_MOUNTS, "sh", str(disk), sys.executable]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    if "mount" in done.stderr and "permission" in done.stderr.lower():
        pytest.skip(f"this machine lets us mount nothing: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    with capsys.disabled():
        print(f"\n{seen['outcomes']}")
    assert seen["problems"] == []
    assert set(seen["outcomes"]["run_out_of_space"]) == {"saved", "DISK_FULL no_space"}
    assert set(seen["outcomes"]["run_out_of_inodes"]) == {"DISK_FULL no_space"}
    assert set(seen["outcomes"]["turn_read_only"]) == {"WRITE_FAILED read_only"}
    assert set(seen["outcomes"]["grow_a_note"]) == {"DISK_FULL no_space"}
    assert seen["outcomes"]["mount_inside"] == {"NOT_A_REGULAR_FILE": 3}


@contextmanager
def no_descriptors(left: int) -> Iterator[None]:
    """Take every descriptor but `left`."""
    was = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, was[1]))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open("/", os.O_RDONLY))
        for descriptor in taken[len(taken) - left :]:
            os.close(descriptor)
        del taken[len(taken) - left :]
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, was)


@pytest.mark.parametrize("method", ["openat2", "walk"])
def test_exhausted_descriptors_are_told_cost_nothing_and_are_recovered_from(tmp_path: Path, method: Any) -> None:
    repository = Repository.make(tmp_path / "project")
    path, new, before = RelPath(PRD), RelPath("plans/prds/new.md"), repository.read(PRD)
    with Root.open(str(repository.path), method=method) as root:
        catalog = Catalog(root, KEY)
        catalog.refresh()
        repository.write("tasks/current.md", "# changed\n")
        known = dict(catalog.artifacts)
        told: set[tuple[str, Any]] = set()
        for left in range(6):
            for operation in (
                lambda: read_page(root, path, PLANNER.reach, KEY),
                lambda: root.list("", PLANNER.reach),
                lambda: root.look(path, PLANNER.reach),
                lambda: root.replace(path, PLANNER.reach, b"# New\n"),
                lambda: save(root, path, PLANNER.reach, "# New\n", KEY, expected=None, is_ours=lambda _: True),
                lambda: save(root, new, PLANNER.reach, "# New\n", KEY, expected=None, is_ours=lambda _: True),
                lambda: append(root, RelPath(".ai/harness/handoff/chatgpt-plan.md"), PLANNER.reach, "x\n", KEY),
                catalog.refresh,
            ):
                with no_descriptors(left):
                    opened = len(os.listdir("/proc/self/fd")) if left > 2 else None
                    try:
                        operation()
                    except HarnessError as refusal:
                        told.add((refusal.code, (refusal.details or {}).get("reason")))
                    if opened is not None:
                        assert len(os.listdir("/proc/self/fd")) == opened, "no descriptor is lost on the way out"
                assert repository.read(PRD) in (before, "# New\n")
                assert not list(repository.path.rglob(".rh-*"))
                if left == 0:
                    assert dict(catalog.artifacts) == known, "what cannot be looked at is not said to be gone"
        assert told == {("READ_FAILED", "open_files"), ("WRITE_FAILED", "open_files")}
        catalog.refresh()
        assert not catalog.problems
        assert catalog.artifacts["tasks/current.md"].title == "changed"
