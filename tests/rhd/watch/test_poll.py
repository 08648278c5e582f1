from __future__ import annotations

from pathlib import Path

from rhd.watch.poll import PollSource
from tests.rhd.watch.test_hints import Heard, arm


async def test_every_root_is_polled_because_events_are_disabled(tmp_path: Path) -> None:
    source = PollSource()
    source.attach("a", str(tmp_path), Heard())
    arm(source, "a", tmp_path, "")
    source.drop("a", {""})
    usage = source.usage()
    assert (usage.watches, usage.instances, usage.polled) == (0, 0, {"a": "disabled"})
    assert source.mode("a") == "poll"
