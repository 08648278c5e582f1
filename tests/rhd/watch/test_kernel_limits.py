from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import pytest

from rhd.watch.kernel_limits import Limits, advise, may_open, read_limits

LIMITS = Limits(8192, 128)


def test_plenty_of_room_needs_no_advice() -> None:
    assert advise(LIMITS, watches=1200, instances=5, refused=()) == ()


def test_a_limit_that_is_near_is_named_with_the_exact_command() -> None:
    assert advise(LIMITS, watches=6144, instances=5, refused=()) == ("sudo sysctl fs.inotify.max_user_watches=524288",)
    assert advise(LIMITS, watches=5, instances=96, refused=()) == ("sudo sysctl fs.inotify.max_user_instances=1024",)


def test_what_other_processes_have_used_up_is_known_by_the_refusal() -> None:
    assert advise(LIMITS, watches=12, instances=1, refused={"watches"}) == (
        "sudo sysctl fs.inotify.max_user_watches=524288",
    )
    assert advise(LIMITS, watches=12, instances=1, refused={"instances"}) == (
        "sudo sysctl fs.inotify.max_user_instances=1024",
    )
    assert advise(LIMITS, watches=12, instances=1, refused={"died", "filesystem"}) == ()


def test_an_ample_limit_is_doubled() -> None:
    limits = Limits(1_000_000, 128)
    assert advise(limits, watches=900_000, instances=5, refused=()) == (
        "sudo sysctl fs.inotify.max_user_watches=2000000",
    )


def test_a_system_without_these_limits_gets_no_advice(tmp_path: Path) -> None:
    limits = read_limits(str(tmp_path))
    assert limits == (None, None)
    assert advise(limits, watches=10**6, instances=10**6, refused={"watches"}) == ()


def test_files_may_be_opened_up_to_the_limit() -> None:
    assert may_open()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.dup(0)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, hard))
    try:
        assert not may_open()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert may_open()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux")
def test_this_systems_limits_are_read() -> None:
    limits = read_limits()
    assert limits.watches is not None
    assert limits.watches > 0
    assert limits.instances is not None
