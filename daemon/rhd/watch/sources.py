"""Which `HintSource` serves a setting on this system."""

from __future__ import annotations

import sys

from rhd.watch.hints import HintSource
from rhd.watch.watched_roots import Policy


def make_source(watcher: str, policy: Policy | None = None) -> HintSource:
    """Return the source that the setting `watcher` names; `auto` is inotify on Linux and watchfiles elsewhere."""
    if watcher == "auto":
        watcher = "inotify" if sys.platform == "linux" else "watchfiles"
    if watcher == "inotify":
        from rhd.watch.inotify import InotifySource

        return InotifySource(policy)
    if watcher == "watchfiles":
        from rhd.watch.watchfiles import WatchfilesSource

        return WatchfilesSource(policy)
    from rhd.watch.poll import PollSource

    return PollSource(policy)
