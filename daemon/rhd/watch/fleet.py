"""`Fleet`: the shards that together watch a changing set of folders, without a gap.

A RustNotify's folders are fixed, so new ones go into a new, small shard; when there are more than a few small ones,
some are merged: their folders are watched by the new shard before the old ones retire. A retired shard is looked at
until it has been empty a few times. Looks are counted and not seconds, because a constructor may hold the GIL for as
long as a time would have been: what was on its way through the kernel would be lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rhd.watch.shard import NATIVE, Batch, CannotWatch, FolderGone, FolderRefused, NoRoom, Notify, Shard, ShardDied

CHUNK = 256
"""Folders in a full shard, so that the GIL is held about 5 ms; more only where there would be too many shards."""

MAX_CHUNKS = 16
"""Full shards. Each is one of the 128 inotify instances that all of a user's processes usually share, and has to be
looked at."""

MAX_SMALL = 4

RENEW_S = 900.0
"""Age at which a shard is replaced by a new one with the same folders. If the kernel dropped the event of a folder
that was removed and made again, and nothing else gave that away, its watch has been deaf since."""

DRAINING_LOOKS = 10
"""Empty looks after which a retired shard has nothing more to say."""

_MAX_DRAINING_LOOKS = 100
"""Its folders may be busy: its successor says the same, and this one must end."""


class Look(NamedTuple):
    """What a look at one shard gave; `batch` is None if the shard died and was dropped."""

    shard: Shard
    batch: Batch | None


class _Retired:
    __slots__ = ("empty_looks", "looks", "shard")

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.looks = 0
        self.empty_looks = 0


class Fleet:
    """Every path that is watched is watched by exactly one shard that has not retired. For use by one thread.

    Attributes:
        expected: how many folders are to be watched in the end.
    """

    def __init__(self, *, notify: Notify = NATIVE) -> None:
        self.expected = 0
        self._notify = notify
        self._shards: list[Shard] = []
        self._retired: list[_Retired] = []
        self._watching: dict[str, Shard] = {}

    @property
    def watches(self) -> int:
        """Kernel watches in use."""
        return sum(len(s.paths) for s in self._all())

    @property
    def instances(self) -> int:
        """Inotify instances in use."""
        return len(self._shards) + len(self._retired)

    @property
    def chunk(self) -> int:
        """How many folders a full shard has, so that what is expected makes few enough of them."""
        chunk = CHUNK
        while self.expected > chunk * MAX_CHUNKS:
            chunk *= 2
        return chunk

    @property
    def is_draining(self) -> bool:
        """True while there are retired shards, which need looks."""
        return bool(self._retired)

    def __contains__(self, path: str) -> bool:
        return path in self._watching

    def add(self, paths: Iterable[str], now: float, *, suspect_until: float = 0.0) -> None:
        """Watch these folders, none of which is watched, in a shard of their own.

        Args:
            suspect_until: until then the shard is kept apart from others.

        Raises:
            CannotWatch: none of them is watched, and everything else is as before.
        """
        # A folder is replaced under the eyes of the one above it only if that one is watched first: sorted.
        self._take_over(Shard(sorted(paths), born=now, suspect_until=suspect_until, notify=self._notify))

    def drop(self, paths: Iterable[str]) -> None:
        """Watch these folders no longer; a shard keeps them, to no effect, while it watches others."""
        for path in paths:
            if (shard := self._watching.pop(path, None)) is not None:
                shard.live -= 1
                if not shard.live:
                    self._retire(shard)

    def look(self) -> Iterator[Look]:
        """Look at every shard, retired ones too; yield those that have something to say or died.

        What a dead shard watched is not watched any more.
        """
        for shard in list(self._shards):
            try:
                batch = shard.look()
            except ShardDied:
                self.drop(self._watched_by(shard))
                self._retired = [r for r in self._retired if r.shard is not shard]
                shard.close()
                yield Look(shard, None)
            else:
                if batch or shard.backlog.events or shard.overran_at is not None:
                    yield Look(shard, batch)
        yield from self._look_at_retired()

    def tidy(self, now: float) -> bool:
        """Take one step towards few, full and young shards; return False if there is none to take.

        Raises:
            FolderRefused: a folder may be watched no longer; it stands in every further step's way until it is dropped.
            NoRoom: a step needs its folders watched twice for a moment, and there is no room. Nothing is lost.
        """
        chunk = self.chunk
        free = [s for s in self._shards if s.suspect_until <= now and s.overran_at is None and not s.is_stuck]
        small = sorted((s for s in free if s.live < chunk // 2), key=_live)
        if len(small) > MAX_SMALL:
            total = itertools.accumulate(map(_live, small))
            self._merge([s for s, size in zip(small, total, strict=True) if size <= chunk], now)
            return True
        for shard in free:
            if shard.born + RENEW_S <= now:
                self._merge([shard], now)
                return True
        return False

    def close(self) -> None:
        """Watch nothing any more."""
        for shard in self._all():
            shard.close()
        self._shards.clear()
        self._retired.clear()
        self._watching.clear()

    def _all(self) -> list[Shard]:
        return self._shards + [r.shard for r in self._retired]

    def _look_at_retired(self) -> Iterator[Look]:
        for retired in list(self._retired):
            try:
                batch = retired.shard.look()
            except ShardDied:
                self._retired.remove(retired)
                retired.shard.close()
                yield Look(retired.shard, None)
                continue
            retired.looks += 1
            if batch or retired.shard.backlog.events:
                yield Look(retired.shard, batch)
            if not batch:
                retired.empty_looks += 1
            if retired.empty_looks >= DRAINING_LOOKS or retired.looks >= _MAX_DRAINING_LOOKS:
                self._retired.remove(retired)
                retired.shard.close()

    def _merge(self, chosen: list[Shard], now: float) -> None:
        paths = sorted(path for shard in chosen for path in self._watched_by(shard))
        try:
            merged = Shard(paths, born=now, notify=self._notify)
        except (FolderRefused, NoRoom):
            raise
        except CannotWatch as error:
            if isinstance(error, FolderGone) and (gone := at_or_below(error.path, paths)):
                # The folder above has told of it, or is about to: nobody counts on these being watched.
                self.drop(gone)
                return
            for shard in chosen:  # again and again, if they stayed the choice
                shard.is_stuck = True
            return
        self.drop(paths)
        self._take_over(merged)

    def _watched_by(self, shard: Shard) -> list[str]:
        return [path for path in shard.paths if self._watching.get(path) is shard]

    def _take_over(self, shard: Shard) -> None:
        self._shards.append(shard)
        for path in shard.paths:
            self._watching[path] = shard
        shard.live = len(shard.paths)

    def _retire(self, shard: Shard) -> None:
        self._shards.remove(shard)
        self._retired.append(_Retired(shard))


def at_or_below(folder: str | None, paths: Iterable[str]) -> list[str]:
    """Return those of the absolute paths that are `folder` or lie below it; none for None."""
    if folder is None:
        return []
    below = folder.rstrip("/") + "/"
    return [path for path in paths if path == folder or path.startswith(below)]


def _live(shard: Shard) -> int:
    return shard.live
