from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from rhd.watch.arming import Policy
from rhd.watch.outbox import Hint, Outbox
from rhd.watch.watcher import BRISK_S, BUSY_S, CALM_S, HURRY_S, LATE_S, LAZY_S, PAUSE_S, Arm, Clocks, Disarm, Watcher
from tests.support.inotify import FakeInotify


class Setting:
    """A watcher of one root, turned by hand."""

    def __init__(self, root: Path, policy: Policy | None = None) -> None:
        self.root = root
        self.inotify = FakeInotify()
        self.outbox = Outbox()
        self.monotonic = 1000.0
        self.wall = 5000.0
        self.watcher = Watcher(
            self.outbox,
            policy or Policy(polling=False),
            notify=self.inotify.notify,
            mounts=dict,
            clocks=Clocks(lambda: self.monotonic, lambda: self.wall),
        )

    def arm(self, root_id: str = "a") -> trio.Event:
        done = trio.Event()
        self.watcher.ask(Arm(root_id, str(self.root), frozenset({""}), done))
        return done

    def pass_time(self, seconds: float, wall_s: float | None = None) -> list[Hint]:
        self.monotonic += seconds
        self.wall += seconds if wall_s is None else wall_s
        return self.turn()

    def turn(self) -> list[Hint]:
        for _ in range(3):
            assert self.watcher.turn()
        return self.outbox.take()[0]


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    made = Setting(tmp_path)
    made.arm()
    made.turn()
    return made


def test_orders_are_carried_out_in_order(setting: Setting) -> None:
    assert setting.watcher.mode("a") == "events"
    setting.watcher.ask(Disarm("a"))
    setting.arm()
    setting.watcher.ask(Disarm("a"))
    setting.turn()
    assert setting.watcher.mode("a") == "off"


def test_an_order_ends_a_pause_at_once(setting: Setting) -> None:
    done = setting.arm("b")
    assert setting.watcher.turn(timeout_s=3600)  # the test's own timeout is far below that
    assert setting.outbox.take() == ([], [done])


def test_a_change_is_hinted_by_the_turn_that_sees_it(setting: Setting) -> None:
    setting.inotify.change(f"{setting.root}/x.md")
    assert setting.pass_time(0.01) == [Hint("a", frozenset({""}), "event")]


@pytest.mark.parametrize(
    ("monotonic_s", "wall_s"),
    [(PAUSE_S + 1, PAUSE_S + 1), (0.3, 8 * 3600), (PAUSE_S + 1, -86400)],
    ids=["stopped", "suspended", "stopped and the clock set back"],
)
def test_a_process_that_stood_still_distrusts_what_it_knows(
    setting: Setting, monotonic_s: float, wall_s: float
) -> None:
    assert setting.pass_time(monotonic_s, wall_s) == [Hint("a", None, "clock")]
    assert len(setting.inotify.made) == 2, "the folders are watched anew"
    assert setting.pass_time(0.3) == []


def test_a_late_look_is_followed_by_others_at_once(setting: Setting) -> None:
    """After a stop the reader is behind, and how much is clearest right then."""
    for _ in range(100):
        setting.pass_time(0.25)
    assert setting.watcher.pause() == CALM_S
    late = iter((setting.monotonic, setting.monotonic + CALM_S + LATE_S))
    setting.watcher._clocks = Clocks(lambda: next(late, setting.monotonic), lambda: setting.wall)
    setting.watcher.turn(0.001)
    assert setting.watcher.pause() == BUSY_S
    setting.pass_time(HURRY_S + 1)
    assert setting.watcher.pause() == CALM_S


def test_a_clock_that_is_set_back_is_no_pause(setting: Setting) -> None:
    for _ in range(10):
        assert setting.pass_time(0.3, -86400) == []


def test_time_that_passes_in_turns_is_no_pause(setting: Setting) -> None:
    for _ in range(1000):
        assert setting.pass_time(0.25) == []


def test_looks_are_brisk_after_a_change_and_calm_when_nothing_happens(setting: Setting) -> None:
    setting.inotify.change(f"{setting.root}/x.md")
    setting.pass_time(0.01)
    assert setting.watcher.pause() == BRISK_S
    pauses = []
    for _ in range(100):
        setting.pass_time(0.25)
        pauses.append(setting.watcher.pause())
    assert pauses == sorted(pauses)
    assert pauses[0] == BRISK_S
    assert pauses[-1] == CALM_S


def test_looks_are_lazy_while_nobody_listens_and_nothing_happens(setting: Setting) -> None:
    setting.watcher.heeded_by(lambda: False)
    for _ in range(100):
        setting.pass_time(0.25)
    assert setting.watcher.pause() == LAZY_S
    setting.watcher.heeded_by(lambda: True)
    assert setting.watcher.pause() == CALM_S
    setting.watcher.heeded_by(lambda: False)
    setting.inotify.change(f"{setting.root}/x.md")
    setting.pass_time(0.01)
    assert setting.watcher.pause() == BRISK_S


def test_folders_that_wait_to_be_armed_do_not_wait_for_a_look(setting: Setting, tmp_path: Path) -> None:
    assert setting.watcher.pause() == BRISK_S
    for number in range(2):
        folders = [f"{number}-{index}" for index in range(200)]
        for folder in folders:
            (tmp_path / folder).mkdir()
        setting.watcher.ask(Arm(f"r{number}", str(tmp_path), frozenset(folders), trio.Event()))
    setting.watcher.turn()
    assert setting.watcher.pause() == BUSY_S
    setting.turn()
    assert setting.watcher.pause() >= BRISK_S


def test_the_figures_are_those_of_what_is_watched(tmp_path: Path) -> None:
    setting = Setting(tmp_path, Policy(events=False))
    setting.arm("a")
    setting.turn()
    assert (setting.watcher.watches, setting.watcher.instances) == (0, 0)
    assert setting.watcher.polled() == {"a": "disabled"}


def test_polls_faster_than_chores_are_kept(tmp_path: Path) -> None:
    setting = Setting(tmp_path, Policy(events=False, poll_s=0.08))
    setting.arm("a")
    setting.turn()
    hints = [hint for _ in range(80) for hint in setting.pass_time(0.01)]
    assert hints == [Hint("a", None, "poll")] * 10


def run_in_thread(watcher: Watcher, act: Callable[[], None]) -> None:
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        act()
    finally:
        watcher.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_a_run_ends_when_it_is_told_to_and_closes_everything(setting: Setting) -> None:
    run_in_thread(setting.watcher, lambda: None)
    assert setting.inotify.open == []


def test_whoever_waits_when_it_ends_is_let_go(setting: Setting, tmp_path: Path) -> None:
    rings: list[bool] = []
    setting.outbox.open(lambda: rings.append(True))
    setting.watcher.stop()
    done = setting.arm("b")
    setting.watcher.run()
    assert done not in setting.outbox.take()[1], "an order after the end is not begun"
    stopped = Setting(tmp_path)
    done = stopped.arm("b")
    stopped.watcher.stop()
    stopped.watcher.run()
    assert stopped.outbox.take()[1] == [done]
