from __future__ import annotations

import sys

import pytest

from rhd.watch.sources import make_source


@pytest.mark.parametrize(
    ("watcher", "platform", "name"),
    [
        ("auto", "linux", "InotifySource"),
        ("auto", "darwin", "WatchfilesSource"),
        ("inotify", "linux", "InotifySource"),
        ("watchfiles", "linux", "WatchfilesSource"),
        ("poll", "linux", "PollSource"),
    ],
)
def test_the_setting_and_the_system_choose(
    watcher: str, platform: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert type(make_source(watcher)).__name__ == name
