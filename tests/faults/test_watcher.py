"""The long proofs of the watcher: `pytest tests/faults/test_watcher.py`. The short ones are in tests/rhd/watch.

Each mirrors a real folder by listing only what is hinted, lets things happen to it, and compares it with the disk once
they are over. Reconciling is off unless a test says otherwise, so that no timer makes good what an event missed.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio

from rhd.watch.watched_roots import Policy
from tests.support.hint_mirror import EVENTS, POLLING, Mirror, run_source
from tests.support.hint_mirror_process import QUEUED_EVENTS, MirrorProcess, flood
from tests.support.random_operations import Disorder
from tests.support.repositories import Repository

pytestmark = pytest.mark.timeout(1200)


async def strike_often(disorder: Disorder, times: int, seed: int) -> None:
    """Strike in a thread, at once or with pauses in which the hub gets to look in between."""
    pauses = random.Random(seed)

    def strike() -> None:
        for _ in range(times):
            disorder.strike()
            if pauses.random() < 0.2:
                time.sleep(pauses.random() * 0.01)

    await trio.to_thread.run_sync(strike)


OPERATIONS = 100_000


@pytest.mark.parametrize(
    ("watcher", "policy"),
    [
        ("inotify", EVENTS),
        ("watchfiles", EVENTS),
        ("poll", POLLING),
        ("auto", Policy(reconcile_s=5, retry_s=5, poll_s=0.5)),
    ],
)
async def test_100_000_random_operations_that_succeed_end_in_true_mirrors(
    tmp_path: Path, watcher: str, policy: Policy
) -> None:
    async with run_source(watcher, policy) as (hub, nursery):
        mirrors = []
        for number in range(4):
            (tmp_path / f"r{number}").mkdir()
            mirrors.append(Mirror(hub, f"r{number}", tmp_path / f"r{number}"))
            await nursery.start(mirrors[-1].run)
        disorders = [Disorder(Path(mirror.path), number) for number, mirror in enumerate(mirrors)]
        for number in itertools.count():
            if sum(sum(disorder.done.values()) for disorder in disorders) >= OPERATIONS:
                break
            async with trio.open_nursery() as striking:
                for seed, disorder in enumerate(disorders):
                    striking.start_soon(strike_often, disorder, 100, number * 100 + seed)
            for mirror in mirrors:
                await mirror.settle(20)


async def test_10_000_races_of_mkdir_p_and_a_write_at_once(tmp_path: Path) -> None:
    root = tmp_path / "r"
    root.mkdir()

    def race(batch: int) -> None:
        for number in range(100):
            deep = root / f"d{number}" / f"e{batch % 7}" / "f"
            os.makedirs(deep)
            (deep / "leaf.md").write_text(str(batch))

    def sweep() -> None:
        for number in range(100):
            shutil.rmtree(root / f"d{number}")

    async with run_source() as (hub, nursery):
        mirror = Mirror(hub, "a", root)
        await nursery.start(mirror.run)
        for batch in range(100):
            await trio.to_thread.run_sync(race, batch)
            await mirror.settle(20)
            assert sum("leaf.md" in listing for listing in mirror.snapshot.values()) == 100
            await trio.to_thread.run_sync(sweep)
            if batch % 2:
                await mirror.settle(20)


async def test_500_branch_switches_of_300_files(tmp_path: Path) -> None:
    repository = Repository.make_branches(tmp_path / "r")
    switches = random.Random(1)
    async with run_source() as (hub, nursery):
        mirror = Mirror(hub, "a", repository.path)
        await nursery.start(mirror.run)
        for number in range(500):
            await trio.to_thread.run_sync(repository.git, "checkout", "-q", switches.choice(["main", "none", "others"]))
            if number % 5 == 4:
                await mirror.settle(20)
                repository.write("plans/prds/7.md", f"edit {number}\n")
                await mirror.settle(20)
                await trio.to_thread.run_sync(repository.git, "checkout", "-q", "-f", "HEAD")
                await trio.to_thread.run_sync(repository.git, "clean", "-fdq")


@pytest.mark.parametrize("stop_s", [0.0, 0.7])
@pytest.mark.parametrize("how", ["written", "many files"])
def test_overflows_of_a_stopped_process(tmp_path: Path, how: str, stop_s: float) -> None:
    """Whatever fills the queue and however short the stop is."""
    root = tmp_path / "r"
    (root / "plans").mkdir(parents=True)
    (root / "tasks").mkdir()
    with MirrorProcess(root) as process:
        for attempt in range(20):
            process.stop()
            resume_at = time.monotonic() + stop_s
            if how == "many files":
                for number in range(22_000 if attempt < 3 else 0):
                    (root / "plans" / f"{attempt}-{number}.md").write_text(str(number))
            flood(root / "plans", QUEUED_EVENTS, until=resume_at)
            shutil.rmtree(root / "tasks")
            (root / "tasks").mkdir()
            (root / "tasks" / "hidden.md").write_text(str(attempt))
            process.go_on()
            assert process.ask().startswith("true")
            (root / "tasks" / "after.md").write_text(str(attempt))
            assert process.ask().startswith("true")
            shutil.rmtree(root / "plans")
            (root / "plans").mkdir()
            assert process.ask().startswith("true")


def test_a_flood_that_goes_on_after_the_stop_hides_nothing(tmp_path: Path) -> None:
    root = tmp_path / "r"
    (root / "plans").mkdir(parents=True)
    (root / "tasks").mkdir()
    with MirrorProcess(root) as process:
        for attempt in range(50):
            process.stop()
            flood(root / "plans", QUEUED_EVENTS, until=time.monotonic() + 0.1)
            (root / "tasks" / "hidden.md").write_text(str(attempt))
            process.go_on()
            flood(root / "plans", 0, until=time.monotonic() + 0.2)
            assert process.ask().startswith("true")


async def test_watchers_that_are_killed_again_and_again(tmp_path: Path) -> None:
    """Three of twenty roots hold names that make watchfiles fail; nothing is missed, and it recovers."""
    async with run_source("watchfiles", Policy(reconcile_s=3, retry_s=3, poll_s=0.5)) as (hub, nursery):
        mirrors = {}
        for number in range(20):
            (tmp_path / f"r{number}" / "plans").mkdir(parents=True)
            mirrors[number] = Mirror(hub, f"r{number}", tmp_path / f"r{number}")
            await nursery.start(mirrors[number].run)
        for attempt in range(150):
            for number in (3, 8, 15):
                with open(os.fsencode(mirrors[number].path) + b"/plans/poison\xff.md", "a") as file:
                    file.write("x")
            for number, mirror in mirrors.items():
                Path(mirror.path, "plans", f"{attempt % 10}.md").write_text(f"{attempt} {number}")
            for mirror in mirrors.values():
                await mirror.settle(20)
        for number in (3, 8, 15):
            os.unlink(os.fsencode(mirrors[number].path) + b"/plans/poison\xff.md")
        with trio.fail_after(30):
            for mirror in mirrors.values():
                await mirror.until(lambda: hub.mode(mirror.id) == "events")  # noqa: B023


async def test_60_roots_come_and_go_under_writes(tmp_path: Path) -> None:
    async with run_source() as (hub, nursery):
        steady = []
        for number in range(10):
            os.makedirs(tmp_path / f"s{number}" / "plans")
            steady.append(Mirror(hub, f"s{number}", tmp_path / f"s{number}"))
            await nursery.start(steady[-1].run)
        script = (
            "import os, sys, time\n"
            "for number in range(100000):\n"
            "    path = f'{sys.argv[1]}/s{number % 10}/plans/{number % 50}'\n"
            "    open(path + '.tmp', 'w').write(str(number)); os.rename(path + '.tmp', path + '.md')\n"
            "    time.sleep(0.002)\n"
        )
        writer = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
        try:
            for turn in range(3):
                guests = []
                for number in range(60):
                    path = tmp_path / f"g{turn}-{number}"
                    path.mkdir()
                    guest = Mirror(hub, path.name, path)
                    await nursery.start(guest.run)
                    guests.append(guest)
                    os.makedirs(path / "plans" / "abc"[number % 3] / "deep")
                    (path / "plans" / "abc"[number % 3] / "deep" / "leaf.md").write_text("at once")
                    if number > 10:
                        (tmp_path / f"g{turn}-{number - 9}" / "plans" / "later.md").write_text("later")
                for guest in guests:
                    await guest.settle(20)
                for guest in guests:
                    hub.detach(guest.id)
        finally:
            writer.terminate()
            writer.wait(10)
        for mirror in steady:
            await mirror.settle(20)
            assert set(mirror.vias) <= {"event", "overflow"}


LIMITED = """
import os, sys
from pathlib import Path
import trio
from rhd.watch.watched_roots import Policy
from tests.support.hint_mirror import Mirror, run_source

def allow(what, number):
    Path(f"/proc/sys/user/max_inotify_{what}").write_text(str(number))

async def main(base, what, few):
    allow(what, few)
    async with run_source("inotify", Policy(reconcile_s=2, retry_s=2, poll_s=0.5)) as (hub, nursery):
        mirrors = []
        for number in range(12):
            os.makedirs(f"{base}/r{number}/plans/prds")
            mirrors.append(Mirror(hub, f"r{number}", f"{base}/r{number}"))
            await nursery.start(mirrors[-1].run)
        polled = hub.usage().polled
        assert polled and set(polled.values()) == {what}, polled
        assert len(polled) < 12 or what == "instances", polled
        assert hub.usage().advice[0].startswith(f"sudo sysctl fs.inotify.max_user_{what}="), hub.usage()
        for turn in range(10):
            for mirror in mirrors:
                Path(mirror.path, "plans/prds/a.md").write_text(str(turn))
            for mirror in mirrors:
                await mirror.settle(20)
        allow(what, 1000)
        with trio.fail_after(20):
            for mirror in mirrors:
                await mirror.until(lambda: hub.mode(mirror.id) == "events")
        assert hub.usage().polled == {}
        print("true")

trio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs a user namespace")
@pytest.mark.parametrize(("what", "few"), [("watches", 20), ("instances", 0)])
def test_what_exceeds_the_kernels_limits_is_polled_until_there_is_room(tmp_path: Path, what: str, few: int) -> None:
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", LIMITED, str(tmp_path), what, str(few)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "unshare" in done.stderr:
        pytest.skip("user namespaces are not allowed here")
    assert done.stdout == "true\n", done.stderr
