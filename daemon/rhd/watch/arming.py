"""`Arming`: how each root is watched, by events or by a timer; and arming itself, one shard of folders at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import trio

from rhd.watch.filesystems import lacks_events, read_mounts
from rhd.watch.fleet import Fleet, at_or_below
from rhd.watch.hints import Mode, Via, Why
from rhd.watch.outbox import Outbox
from rhd.watch.roots import Root, Roots
from rhd.watch.shard import (
    NATIVE,
    CannotWatch,
    FolderGone,
    FolderRefused,
    NoMoreFiles,
    NoMoreInstances,
    NoMoreWatches,
    NoRoom,
    Notify,
    Shard,
)
from rhd.watch.timetable import Timetable

AGAIN_S = 1.0
"""While a queue may be running over, everything is hinted this often, and it is watched anew no more often."""

MAX_TRIES = 20

MAX_REFUSED = 16
"""Folders of a root that are polled alone: each takes an attempt to find out."""

MANY_INSTANCES = 32
"""With more than these, shards are merged before further ones are made: the user's other programs need some too, and
a merge itself takes one."""


class Policy(NamedTuple):
    """What is used, and how often.

    Attributes:
        events: False polls every root. For tests, which prove each half alone.
        polling: False gives no timed hints. For tests.
        reconcile_s: period in which everything of each root is hinted once, whatever is known. Events do not need it:
            it bounds how long a mistake of theirs, or of ours, can last.
        retry_s: period in which a root that is polled is given another chance to be watched by events.
        poll_s: period in which everything of each polled root is hinted once.
    """

    events: bool = True
    polling: bool = True
    reconcile_s: float = 600.0
    retry_s: float = 60.0
    poll_s: float = 2.0


class Arming:
    """For use by one thread, but for `mode`, `polled`, `refused` and the figures.

    Wherever events of a root may have been missed, its folders are watched anew and then everything of it is
    hinted, in this order: what was missed is found by the look that follows, and what comes later by an event.

    Attributes:
        now: the time, kept by whoever uses this.
    """

    def __init__(
        self,
        outbox: Outbox,
        policy: Policy,
        *,
        now: float,
        notify: Notify = NATIVE,
        mounts: Callable[[], Mapping[str, str]] = read_mounts,
    ) -> None:
        self.now = now
        self._outbox = outbox
        self._policy = policy
        self._mounts = mounts
        self._roots = Roots()
        self._fleet = Fleet(notify=notify)
        self._polls = Timetable(policy.poll_s)
        self._reconciles = Timetable(policy.reconcile_s)
        self._retries = Timetable(policy.retry_s)
        self._unarmed: dict[str, Root] = {}
        self._crowded_out: dict[str, Root] = {}
        self._suspects: deque[list[Root]] = deque()
        self._is_untidy = False

    @property
    def watches(self) -> int:
        """Kernel watches in use."""
        return self._fleet.watches

    @property
    def instances(self) -> int:
        """Inotify instances in use."""
        return self._fleet.instances

    @property
    def has_work(self) -> bool:
        """True while there are folders to arm: `step` wants to be called."""
        return bool(self._unarmed or self._suspects)

    @property
    def is_draining(self) -> bool:
        """True while there are retired shards: `look` wants to be called."""
        return self._fleet.is_draining

    def polled(self) -> dict[str, Why]:
        """Return the ids of the polled roots, each with the reason."""
        return {root.id: root.polled for root in self._roots if root.polled is not None}

    def refused(self) -> dict[str, tuple[str, ...]]:
        """Return the ids of the roots that are watched but for some folders, each with these."""
        found = {}
        for root in self._roots:
            wanted, refused = root.wanted, list(root.refused)  # as they are now: the watcher's thread goes on
            folders = sorted(wanted[path] for path in refused if path in wanted)
            if root.polled is None and folders:
                found[root.id] = tuple(folders)
        return found

    def mode(self, root_id: str) -> Mode:
        """Return how a root is watched now."""
        root = self._roots.get(root_id)
        if root is None:
            return "off"
        if root.polled is not None:
            return "poll" if self._policy.polling else "off"
        return "events" if root.is_armed else "off"

    def want(self, root_id: str, path: str, folders: frozenset[str], done: trio.Event) -> None:
        """Have exactly these folders of a root watched; `done` goes to the outbox once they are."""
        path = path.rstrip("/")
        root = self._roots.get(root_id)
        if root is not None and root.path != path:
            self.forget(root_id)
            root = None
        if root is None:
            root = Root(root_id, path)
        self._fleet.drop(self._roots.put(root, folders))
        self._fleet.expected = self._roots.count_folders()
        self._reconciles.add(root.id, self.now)
        root.waiting.append(done)
        if root.polled is None:
            self._ask(root)
        else:
            self._release(root)

    def forget(self, root_id: str) -> None:
        """Have a root watched no longer."""
        root = self._roots.get(root_id)
        if root is None:
            return
        self._fleet.drop(self._roots.remove(root))
        self._fleet.expected = self._roots.count_folders()
        self._reconciles.remove(root.id)
        self._retries.remove(root.id)
        self._polls.remove(root.id)
        self._unarmed.pop(root.id, None)
        self._crowded_out.pop(root.id, None)
        self._release(root)

    def distrust(self) -> None:
        """Take it that events of every root were missed: the process stood still."""
        for root in self._roots:
            if root.polled is None:
                self._rearm(root, "clock")
            elif self._policy.polling:
                self._outbox.hint(root.id, None, "clock")

    def keep_timers(self) -> None:
        """Hint what is due, and try again what could not be watched."""
        for root_id in self._polls.take_due(self.now):
            root = self._roots[root_id]
            folders = frozenset(map(root.wanted.__getitem__, root.refused)) if root.polled is None else None
            if self._policy.polling and folders != frozenset():
                self._outbox.hint(root_id, folders, "poll")
            if root.polled == "missing":
                self._ask(root)
        for root_id in self._retries.take_due(self.now):
            root = self._roots[root_id]
            if root.polled == "died":
                root.gone.clear()
                self._suspects.append([root])
            else:
                self._readmit(root, root.refused)
                self._ask(root)
        for root_id in self._reconciles.take_due(self.now):
            root = self._roots[root_id]
            if root.polled is None and self._policy.polling:
                root.owe(None, "reconcile")
                self._ask(root)
        if not self._fleet.is_draining:
            self._unarmed.update(self._crowded_out)
            self._crowded_out.clear()
        self._is_untidy = True

    def look(self) -> bool:
        """Look at every shard and hint what has changed; return True if anything has."""
        has_changed = False
        for look in list(self._fleet.look()):
            if look.batch is None:
                self._bury(look.shard)
                continue
            meaning = self._roots.interpret(look.batch)
            for root, folders in meaning.folders.items():
                self._outbox.hint(root.id, folders, "event")
                has_changed = True
            for root, paths in meaning.upset.items():
                self._fleet.drop(paths)
                root.owe(frozenset(root.wanted[p] for p in paths), "event")
                root.gone -= paths
                self._readmit(root, paths & root.refused)
                self._unarmed[root.id] = root
            self._weigh(look.shard)
        return has_changed

    def step(self) -> None:
        """Arm one shard's worth of folders; if there are none to arm, or too many shards, tidy these a little."""
        if self._is_untidy and self._fleet.instances > MANY_INSTANCES:
            self._tidy()
        elif self._suspects:
            self._arm(self._suspects.popleft(), suspect_until=self.now + self._policy.retry_s)
        elif self._unarmed:
            self._arm(self._take_unarmed())
        elif self._is_untidy:
            self._tidy()

    def close(self) -> None:
        """Watch nothing any more, and let everybody go who waits."""
        self._fleet.close()
        for root in self._roots:
            self._release(root)

    def _weigh(self, shard: Shard) -> None:
        """Take a long backlog for an overflow: hint everything meanwhile, and watch anew when it is over."""
        if shard.backlog.is_long:
            if shard.overran_at is None or self.now >= shard.overran_at + AGAIN_S:
                shard.overran_at = self.now
                for root in self._wanting(shard):
                    self._outbox.hint(root.id, None, "overflow")
        elif shard.overran_at is not None and not shard.backlog.events and self.now >= shard.born + AGAIN_S:
            shard.overran_at = None
            for root in self._wanting(shard):
                self._rearm(root, "overflow")

    def _bury(self, shard: Shard) -> None:
        """Watch anew what a dead shard watched, in ever smaller companies, until who kills shards is alone."""
        roots = self._wanting(shard)
        for root in roots:
            root.owe(None, "restart")
            root.gone.clear()
        if shard.suspect_until <= self.now:
            self._suspects.append(roots)
        elif len(roots) == 1:
            self._poll(roots[0], "died")
        else:
            half = len(roots) // 2
            self._suspects.extend((roots[:half], roots[half:]))

    def _wanting(self, shard: Shard) -> list[Root]:
        return [root for root in self._roots.wanting(shard.paths) if root.polled is None]

    def _rearm(self, root: Root, via: Via) -> None:
        self._fleet.drop(root.wanted)
        for each in dict.fromkeys((root, *self._roots.wanting(root.wanted))):
            each.owe(None, via)
            self._ask(each)

    def _ask(self, root: Root) -> None:
        """Have all that is not watched of a root asked for, whatever the kernel said of it before."""
        root.gone.clear()
        self._unarmed[root.id] = root

    def _take_unarmed(self) -> list[Root]:
        taken: list[Root] = []
        room = self._fleet.chunk
        for root in list(self._unarmed.values()):
            room -= len(self._missing(root))
            if taken and room < 0:
                break
            taken.append(self._unarmed.pop(root.id))
        return taken

    def _arm(self, roots: list[Root], *, suspect_until: float = 0.0) -> None:
        mounts: Mapping[str, str] | None = None
        able = []
        for root in roots:
            if self._roots.get(root.id) is not root:
                continue  # forgotten meanwhile
            missing = self._missing(root)
            if not missing:
                self._settle(root)
            elif not self._policy.events:
                self._poll(root, "disabled")
            elif lacks_events(missing, mounts := mounts or self._mounts()):
                self._poll(root, "filesystem")
            else:
                able.append(root)
        if able:
            self._add(able, suspect_until)

    def _add(self, roots: list[Root], suspect_until: float) -> None:
        missing = sorted({path for root in roots for path in self._missing(root)})[: self._fleet.chunk]
        try:
            if missing:
                self._fleet.add(missing, self.now, suspect_until=suspect_until)
                self._is_untidy = True
        except FolderRefused as error:
            self._refuse(error.path)
            able = [root for root in roots if len(root.refused) <= MAX_REFUSED]
            for root in roots:
                if root not in able:
                    self._poll(root, "refused")
            if suspect_until:
                self._suspects.appendleft(able)
            else:
                self._unarmed.update((root.id, root) for root in able)
            return
        except CannotWatch as error:
            if isinstance(error, FolderGone) and at_or_below(error.path, missing):
                self._leave_out(error.path, roots, suspect_until)
                return
            if len(roots) == 1:
                self._give_up(roots[0], error)
                return
            half = len(roots) // 2
            self._add(roots[:half], suspect_until)
            self._add(roots[half:], suspect_until)
            return
        for root in roots:
            # A folder that came after it was not there is told of only if the one above was watched by then.
            root.gone.difference_update(*(at_or_below(path, root.gone) for path in missing if root.gone))
            if self._missing(root):
                self._unarmed[root.id] = root
            else:
                self._settle(root)

    def _leave_out(self, folder: str | None, roots: list[Root], suspect_until: float) -> None:
        """Try again without it, in the next step: a constructor that failed frees its instance only a moment later."""
        for root in roots:
            root.gone.update(at_or_below(folder, self._missing(root)))
        if suspect_until:
            self._suspects.appendleft(roots)
        else:
            self._unarmed.update((root.id, root) for root in roots)

    def _missing(self, root: Root) -> list[str]:
        left_out = root.gone | root.refused
        return [path for path in root.wanted if path not in self._fleet and path not in left_out]

    def _refuse(self, path: str) -> None:
        """Have a folder that may not be watched polled, and the rest of its roots not."""
        self._fleet.drop([path])
        for root in self._roots.wanting([path]):
            root.refused.add(path)
            self._polls.add(root.id, self.now)
            self._retries.add(root.id, self.now)

    def _readmit(self, root: Root, paths: Iterable[str]) -> None:
        """Give refused folders of a root another chance to be watched, and hint them then."""
        if paths:
            root.owe(frozenset(map(root.wanted.__getitem__, paths)), "restart")
            root.refused.difference_update(list(paths))

    def _give_up(self, root: Root, error: CannotWatch) -> None:
        if isinstance(error, FolderGone) and root.tries < MAX_TRIES:
            root.tries += 1
            self._unarmed[root.id] = root
        elif isinstance(error, NoRoom) and self._fleet.is_draining:
            self._crowded_out[root.id] = root  # by watches that are about to be freed
        elif isinstance(error, NoMoreWatches):
            self._poll(root, "watches")
        elif isinstance(error, NoMoreInstances):
            self._poll(root, "instances")
        elif isinstance(error, NoMoreFiles):
            self._poll(root, "files")
        else:
            self._poll(root, "refused")

    def _settle(self, root: Root) -> None:
        root.tries = 0
        if root.wanted and not any(path in self._fleet for path in root.wanted):
            self._poll(root, "refused" if root.refused else "missing")
            return
        if root.polled is not None:
            root.polled = None
            root.owe(None, "restart")
        if not root.refused:
            self._polls.remove(root.id)
            self._retries.remove(root.id)
        root.is_armed = True
        self._release(root)

    def _poll(self, root: Root, why: Why) -> None:
        self._fleet.drop(root.wanted)
        for other in self._roots.wanting(root.wanted):
            if other is not root and other.polled is None:
                other.owe(None, "restart")
                self._ask(other)
        root.polled = why
        root.refused.clear()
        root.tries = 0
        self._polls.add(root.id, self.now)
        self._retries.add(root.id, self.now)
        self._release(root)

    def _release(self, root: Root) -> None:
        if root.owed is not None:
            self._outbox.hint(root.id, *root.owed)
            root.owed = None
        self._outbox.settle(root.waiting)
        root.waiting = []

    def _tidy(self) -> None:
        try:
            self._is_untidy = self._fleet.tidy(self.now)
        except FolderRefused as error:
            self._refuse(error.path)
        except NoRoom:
            self._is_untidy = False  # until the next chores
