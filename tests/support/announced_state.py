"""`Announced`: the state as the announcements alone tell it, to compare with the disk."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from rhd.access import ARTIFACTS
from rhd.repos.change_log import REPOSITORY, ChangeEntry
from rhd.repos.repo_service import RepoService
from rhd.watch.sources import make_source
from rhd.watch.watched_roots import Policy
from rhd.workflow.reach import may_read
from rhd.workflow.revisions import version_of
from tests.support.random_operations import Disorder
from tests.support.repositories import Repository
from tests.support.running_repos import KEY, Rooms, running_rooms

EVENTS = Policy(polling=False, overflows_within_s=0)
POLLING = Policy(poll_s=0.1)


@asynccontextmanager
async def announcing(path: Path, watcher: str, policy: Policy) -> AsyncIterator[Rooms]:
    """Yield rooms whose only news of the disk are the hints of a real watcher under this policy."""
    async with running_rooms(path, make_source(watcher, policy)) as rooms:
        yield rooms


class Announced:
    """Follows one repository's change log.

    Attributes:
        vias: how often something was announced in each way.
        contradictions: announcements that cannot be true after those before: equal content, or the wrong word.
    """

    def __init__(self, path: Path, service: RepoService) -> None:
        self.path = path
        self.service = service
        self.vias: Counter[str] = Counter()
        self.contradictions: list[str] = []
        self._versions = {str(a.path): a.version for a in service.artifacts.all()}
        self._heard = trio.Event()
        service.changes.subscribe(self.hear)

    def hear(self, entries: Sequence[ChangeEntry]) -> None:
        """Believe it, unless it contradicts what was announced before."""
        known = {str(a.path): a.version for a in self.service.artifacts.all()}
        for entry in entries:
            if entry.kind == REPOSITORY:
                continue
            self.vias[entry.via] += 1
            before, after = self._versions.get(entry.path), known.get(entry.path)
            right = {
                "added": before is None and after is not None,
                "removed": before is not None and after is None,
                "modified": None not in (before, after) and before != after,
            }[entry.change]
            if not right:
                self.contradictions.append(f"{entry.path} {entry.change}: {before} -> {after}")
            if after is None:
                self._versions.pop(entry.path, None)
            else:
                self._versions[entry.path] = after
        self._heard.set()
        self._heard = trio.Event()

    async def settle(self, timeout_s: float = 20.0) -> None:
        """Wait until what was announced is what the disk holds, which no longer changes."""
        with trio.move_on_after(timeout_s) as scope:
            while self._versions != self.disk():
                await self._heard.wait()
        assert not scope.cancelled_caught, f"never announced: {self.differences()} (heard {dict(self.vias)})"
        assert not self.contradictions, self.contradictions[:10]

    def differences(self) -> list[str]:
        """Return the paths in which announcements and disk differ, at most ten."""
        disk = self.disk()
        return sorted(p for p in disk.keys() | self._versions.keys() if disk.get(p) != self._versions.get(p))[:10]

    def disk(self) -> dict[str, str]:
        """Return the version of every artifact, read here and now, directly."""
        found = {}
        for folder, _, names in os.walk(self.path):
            for name in names:
                whole = os.path.join(folder, name)
                relative = os.path.relpath(whole, self.path)
                is_artifact = relative.isprintable() and not name.endswith(".tmp") and may_read(ARTIFACTS, relative)
                if is_artifact and not os.path.islink(whole):
                    found[relative] = version_of(KEY, Path(whole).read_bytes())
        return found


class Sameness:
    """Things done to files that leave every byte as it is: none of them is a change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def strike(self) -> None:
        """Do all of them to every file there is."""
        for target in sorted(self._path.rglob("*.md")):
            text = target.read_bytes()
            os.utime(target)
            target.chmod(0o600)
            with open(target, "r+b") as file:
                file.write(text)
            fresh = target.with_name(f".{target.name}.tmp")
            fresh.write_bytes(text)
            fresh.replace(target)


async def trouble(announced: Announced, seed: int, operations: int, each: int) -> int:
    """Do random things below plans/, wait in between, and check every time.

    Args:
        operations: at least so many of them are to succeed.
        each: how many are tried before each wait.

    Returns:
        How many succeeded.
    """
    plans = announced.path / "plans"
    disorder, sameness = Disorder(plans, seed), Sameness(plans)

    def strike() -> None:
        for _ in range(each):
            disorder.strike()

    def mark(text: str) -> None:
        (announced.path / "plans" / "marker.md").write_text(text)

    for number in itertools.count():
        if sum(disorder.done.values()) >= operations:
            break
        await trio.to_thread.run_sync(strike)
        await announced.settle()
        if number % 10 == 9:
            count = sum(announced.vias.values())
            await trio.to_thread.run_sync(sameness.strike)
            await trio.to_thread.run_sync(mark, f"{number}\n")
            await announced.settle()
            # Writing the marker is one change, or two if it was seen while it was still empty.
            assert sum(announced.vias.values()) - count <= 2, "equal content was announced"
    return sum(disorder.done.values())


async def follow(rooms: Rooms, repository: Repository) -> Announced:
    """Adopt a repository and follow it from its first true catalog on."""
    return Announced(repository.path, rooms.service(await rooms.adopt(repository)))
