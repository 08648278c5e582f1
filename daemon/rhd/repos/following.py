"""`Follower`: a reader of change logs. It is poked when an entry concerns it, and reads when it can.

The control socket's `events`, `list_workflow_changes` and every MCP listener are followers. A follower that has read
everything is no more than its place in an index; one that is slow is a number for each repository that it has not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rhd.hosting.wakeup import Wakeup
from rhd.ids import Cursor, RepoId
from rhd.repos.change_log import REPOSITORY, ChangeEntry, ChangeLog
from rhd.workflow.redaction.redact import compared_path

Topic = tuple[RepoId | None, str | None]
"""What a follower is poked for: entries of one repository, or of all (None); of one path, or of all (None).

A path is spelled as `compared_path` does.
"""

LISTS = "\0lists"
"""In a topic in place of a path: entries that add or remove an artifact."""


class Follower:
    """One reader.

    Attributes:
        behind: of each repository that it has not read to the end, the number of the last entry it has read.
    """

    __slots__ = ("_wake", "behind")

    def __init__(self) -> None:
        self.behind: dict[RepoId, int] = {}
        self._wake = Wakeup()

    def poke(self) -> None:
        """Wake the reader."""
        self._wake.set()

    def note(self, repo_id: RepoId, number: int) -> None:
        """Note entries after `number` that are to be read, and wake the reader."""
        self.behind[repo_id] = min(self.behind.get(repo_id, number), number)
        self._wake.set()

    def advance(self, repo_id: RepoId, log: ChangeLog, number: int) -> None:
        """Note that entries up to `number` were read; more are to be read if the log has grown since."""
        if number >= log.cursor.number:
            self.behind.pop(repo_id, None)
        else:
            self.behind[repo_id] = number

    async def wait(self) -> None:
        """Return at the first poke since the last time this returned."""
        await self._wake.wait()


class Following:
    """Which followers an entry concerns, of all logs."""

    def __init__(self) -> None:
        self._followers: dict[Topic, set[Follower]] = {}

    def __len__(self) -> int:
        """Return how many topics are followed."""
        return len(self._followers)

    def follow(self, follower: Follower, topics: Iterable[Topic]) -> Callable[[], None]:
        """Poke a follower for these topics from now on; return what ends it."""
        topics = tuple(topics)
        for topic in topics:
            self._followers.setdefault(topic, set()).add(follower)
        return lambda: self.unfollow(follower, topics)

    def unfollow(self, follower: Follower, topics: Iterable[Topic]) -> None:
        """Poke a follower for these topics no longer."""
        for topic in topics:
            followers = self._followers.get(topic, set())
            followers.discard(follower)
            if not followers:
                self._followers.pop(topic, None)

    def tell(self, repo_id: RepoId, entries: Sequence[ChangeEntry]) -> None:
        """Poke the followers that new entries concern, each once."""
        topics: set[Topic] = {(None, None), (repo_id, None)}
        for entry in entries:
            if entry.kind != REPOSITORY:
                topics.add((repo_id, compared_path(entry.path)))
                if entry.change != "modified":
                    topics |= {(None, LISTS), (repo_id, LISTS)}
        before = entries[0].cursor.number - 1
        for follower in {follower for topic in topics for follower in self._followers.get(topic, ())}:
            follower.note(repo_id, before)


async def read_on(log: ChangeLog, number: int) -> tuple[list[ChangeEntry], bool]:
    """Return every entry after `number`; and True, with no entries, if some of them are not kept any more."""
    entries: list[ChangeEntry] = []
    cursor = Cursor.make(log.cursor.log, number)
    while True:
        found = await log.since(cursor)
        if found.reset:
            return [], True
        entries += found.changes
        cursor = found.cursor
        if cursor.number >= log.cursor.number:
            return entries, False
