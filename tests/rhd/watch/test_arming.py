"""How each root is watched: a kernel that the test decides about, folders that are there, a clock that it sets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from rhd.watch.arming import AGAIN_S, MANY_INSTANCES, MAX_REFUSED, Arming, Policy
from rhd.watch.backlog import long_backlog
from rhd.watch.fleet import CHUNK, DRAINING_LOOKS, MAX_SMALL
from rhd.watch.outbox import Hint, Outbox
from tests.support import audit_hook
from tests.support.inotify import ADDED, DELETED, MODIFIED, FakeInotify

FOLDERS = ("", "plans", "plans/prds", "tasks")


class Setting:
    """An `Arming`, and what it does to the world."""

    def __init__(
        self,
        base: Path,
        *,
        policy: Policy | None = None,
        inotify: FakeInotify | None = None,
        mounts: Callable[[], dict[str, str]] = dict,
    ) -> None:
        self.base = base
        self.inotify = inotify or FakeInotify()
        self.outbox = Outbox()
        self.arming = Arming(self.outbox, policy or Policy(), now=0.0, notify=self.inotify.notify, mounts=mounts)

    def path(self, root_id: str, folder: str = "") -> str:
        return str(self.base / root_id / folder)

    def make(self, root_id: str, *folders: str) -> None:
        for folder in folders or FOLDERS:
            (self.base / root_id / folder).mkdir(parents=True, exist_ok=True)

    def ask(self, root_id: str, *folders: str) -> trio.Event:
        done = trio.Event()
        self.arming.want(root_id, self.path(root_id), frozenset(folders or FOLDERS), done)
        return done

    def arm(self, *root_ids: str) -> None:
        """Make folders and have them watched, as at a start: nothing of it is hinted."""
        for root_id in root_ids:
            self.make(root_id)
            self.ask(root_id)
        assert self.work() == {}

    def work(self) -> dict[str, Hint]:
        """Look, and arm all there is to arm; return what was hinted."""
        self.arming.look()
        self.arming.step()
        for _ in range(500):
            if not self.arming.has_work:
                return {hint.root_id: hint for hint in self.outbox.take()[0]}
            self.arming.step()
        raise AssertionError("it spins")

    def pass_time(self, seconds: float, step: float = 0.25) -> list[Hint]:
        """Let time pass with all that a thread does meanwhile; return the hints in order."""
        hints = []
        until = self.arming.now + seconds
        while self.arming.now < until:
            self.arming.now += step
            self.arming.keep_timers()
            hints.extend(self.outbox.take()[0])
            hints.extend(self.work().values())
        return hints


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


def test_exactly_the_wanted_folders_are_watched_and_whoever_waits_goes_on(setting: Setting) -> None:
    setting.make("a")
    assert setting.arming.mode("a") == "off"
    done = setting.ask("a")
    assert setting.arming.mode("a") == "off"
    setting.arming.step()
    assert setting.inotify.watched == sorted(setting.path("a", f) for f in FOLDERS)
    assert setting.arming.mode("a") == "events"
    assert setting.outbox.take() == ([], [done])


def test_roots_that_are_asked_for_together_share_a_shard(setting: Setting) -> None:
    setting.arm(*(f"r{number}" for number in range(10)))
    assert setting.arming.instances == 1


def test_no_more_than_a_shards_worth_is_armed_at_a_time(setting: Setting) -> None:
    setting.arm(*(f"r{number}" for number in range(CHUNK // len(FOLDERS) + 1)))
    assert [len(n.paths) for n in setting.inotify.made] == [CHUNK, len(FOLDERS)]


def test_a_root_with_more_folders_than_a_shard_is_armed_in_parts(setting: Setting) -> None:
    folders = ["", *(f"f{number:04d}" for number in range(CHUNK * 2))]
    setting.make("a", *folders)
    done = setting.ask("a", *folders)
    setting.work()
    assert [len(n.paths) for n in setting.inotify.made] == [CHUNK, CHUNK, 1]
    assert setting.arming.mode("a") == "events"
    assert not done.is_set()


def test_roots_that_come_faster_than_shards_merge_do_not_use_up_the_instances(setting: Setting) -> None:
    most = 0
    for number in range(500):
        setting.make(f"r{number}")
        setting.ask(f"r{number}")
        setting.arming.look()
        setting.arming.step()
        most = max(most, setting.arming.instances)
    assert most <= MANY_INSTANCES + DRAINING_LOOKS
    assert setting.work() == {}
    assert setting.arming.polled() == {}


def test_arming_the_same_again_takes_nothing(setting: Setting) -> None:
    setting.arm("a")
    done = setting.ask("a")
    setting.arming.step()
    assert setting.outbox.take() == ([], [done])
    assert len(setting.inotify.made) == 1


def test_a_changed_file_hints_its_folder(setting: Setting) -> None:
    setting.arm("a", "b")
    setting.inotify.change(setting.path("a", "plans/x.md"))
    assert setting.work() == {"a": Hint("a", frozenset({"plans"}), "event")}


def test_a_smaller_set_is_told_of_no_longer(setting: Setting) -> None:
    setting.arm("a")
    setting.ask("a", "", "tasks")
    setting.inotify.change(setting.path("a", "plans/prds/x.md"))
    assert setting.work() == {}
    setting.inotify.change(setting.path("a", "tasks/x.md"))
    assert setting.work() == {"a": Hint("a", frozenset({"tasks"}), "event")}


def test_a_forgotten_root_is_told_of_no_longer_and_its_watches_end(setting: Setting) -> None:
    setting.arm("a")
    setting.arming.forget("a")
    setting.arming.forget("never there")
    setting.inotify.change(setting.path("a", "plans/x.md"))
    assert setting.work() == {}
    assert setting.arming.mode("a") == "off"
    assert setting.pass_time(200) == []
    assert setting.inotify.watched == []


def test_a_root_that_is_forgotten_before_it_is_armed_lets_its_waiters_go(setting: Setting) -> None:
    setting.make("a")
    done = setting.ask("a")
    setting.arming.forget("a")
    assert setting.outbox.take() == ([], [done])
    assert setting.work() == {}
    assert setting.inotify.made == []


def test_a_root_that_was_forgotten_while_it_waited_is_no_hindrance_when_it_comes_again(tmp_path: Path) -> None:
    setting = Setting(tmp_path, inotify=FakeInotify(max_watches=len(FOLDERS)))
    setting.arm("a")
    setting.arming.forget("a")
    setting.make("b")
    old = setting.ask("b")
    setting.arming.step()
    while setting.arming.is_draining:
        setting.arming.look()
    setting.arming.forget("b")
    new = setting.ask("b")
    setting.arming.now += 0.25
    setting.arming.keep_timers()
    setting.arming.step()
    assert setting.outbox.take()[1] == [old, new]
    assert setting.arming.mode("b") == "events"


def test_another_path_is_another_root(setting: Setting) -> None:
    setting.arm("a")
    setting.make("moved")
    setting.arming.want("a", setting.path("moved") + "/", frozenset(FOLDERS), trio.Event())
    setting.work()
    setting.inotify.change(setting.path("a", "plans/x.md"))
    assert setting.work() == {}
    setting.inotify.change(setting.path("moved", "plans/x.md"))
    assert setting.work() == {"a": Hint("a", frozenset({"plans"}), "event")}


def test_a_folder_that_is_not_there_is_skipped_and_watched_when_it_appears(setting: Setting) -> None:
    setting.make("a", "", "plans")
    setting.ask("a")
    assert setting.work() == {}
    assert setting.arming.mode("a") == "events"
    setting.make("a")
    setting.inotify.change(setting.path("a", "plans/prds"), ADDED)
    setting.inotify.change(setting.path("a", "tasks"), ADDED)
    assert setting.work() == {"a": Hint("a", frozenset(FOLDERS), "event")}
    setting.inotify.change(setting.path("a", "plans/prds/x.md"))
    assert setting.work() == {"a": Hint("a", frozenset({"plans/prds"}), "event")}


@pytest.mark.parametrize("kind", [ADDED, DELETED])
def test_a_replaced_folder_is_watched_anew_before_it_is_hinted(setting: Setting, kind: int) -> None:
    setting.arm("a")
    hinted_before: list[bool] = []
    setting.inotify.on_make = lambda paths: hinted_before.append("a" in setting.outbox._hints)
    setting.inotify.change(setting.path("a", "plans"), kind)
    setting.arming.look()
    assert setting.outbox.take()[0] == [Hint("a", frozenset({"", "plans"}), "event")], "the parent is told of at once"
    setting.arming.step()
    assert setting.inotify.made[-1].paths == [setting.path("a", "plans"), setting.path("a", "plans/prds")]
    assert hinted_before == [False]
    assert setting.outbox.take()[0] == [Hint("a", frozenset({"plans", "plans/prds"}), "event")]


def test_a_folder_that_is_made_while_its_parent_is_being_watched_is_watched_too(setting: Setting) -> None:
    setting.make("a", "")
    setting.ask("a")
    setting.inotify.on_make = lambda paths: setting.make("a")
    setting.work()
    assert setting.path("a", "plans/prds") in setting.inotify.watched
    assert setting.arming.mode("a") == "events"


def test_a_folder_that_goes_while_it_is_being_watched_harms_nobody(setting: Setting) -> None:
    for root_id in "abc":
        setting.make(root_id)
        setting.ask(root_id)

    def remove(paths: list[str]) -> None:
        Path(setting.path("b", "tasks")).rmdir()
        setting.inotify.on_make = lambda paths: None

    setting.inotify.on_make = remove
    assert setting.work() == {}
    assert [setting.arming.mode(root_id) for root_id in "abc"] == ["events"] * 3
    assert len(setting.inotify.watched) == 11


def test_a_folder_that_never_stands_still_keeps_nobody_from_being_watched(setting: Setting) -> None:
    setting.arm("b")
    setting.make("a")
    done = setting.ask("a")
    there = setting.path("a", "tasks")
    tries = 0

    def flap(paths: list[str]) -> None:
        nonlocal tries
        if there in paths:
            os.rmdir(there)
            tries += 1

    setting.inotify.on_make = flap
    for _ in range(100):
        os.makedirs(there, exist_ok=True)
        setting.arming.step()
    assert tries == 2, "once, and once more when the folder above was watched"
    assert setting.outbox.take() == ([], [done])
    assert (setting.arming.mode("a"), setting.arming.mode("b")) == ("events", "events")
    setting.inotify.on_make = lambda paths: None
    setting.inotify.change(there, ADDED)
    assert setting.work() == {"a": Hint("a", frozenset({"", "tasks"}), "event")}
    assert there in setting.inotify.watched


def test_a_folder_that_came_between_its_refusal_and_the_watch_above_it_is_asked_for_again(setting: Setting) -> None:
    setting.make("a", "")
    setting.ask("a")
    asked: list[list[str]] = []

    def note(paths: list[str]) -> None:
        asked.append(paths)
        if len(asked) == 3:  # `plans` and `tasks` were refused; the root is about to be watched alone
            setting.make("a")

    setting.inotify.on_make = note
    setting.work()
    assert asked[2] == [setting.path("a")]
    assert setting.inotify.watched == sorted(setting.path("a", folder) for folder in FOLDERS)


def test_a_removed_tree_costs_one_refusal_and_not_one_a_folder(setting: Setting) -> None:
    folders = ["", "plans", *(f"plans/{number}" for number in range(100))]
    setting.make("a", *folders)
    setting.ask("a", *folders)
    assert setting.work() == {}
    asked: list[list[str]] = []
    setting.inotify.on_make = asked.append
    shutil.rmtree(setting.path("a", "plans"))
    setting.inotify.change(setting.path("a", "plans"), DELETED)
    assert setting.work() == {"a": Hint("a", frozenset(folders), "event")}
    assert len(asked) == 1
    assert setting.arming.mode("a") == "events"


def test_a_refusal_that_names_no_folder_ends_in_polling_its_root_alone(setting: Setting) -> None:
    for root_id in "ab":
        setting.make(root_id)
        setting.ask(root_id)

    def refuse(paths: list[str]) -> None:
        if setting.path("a", "tasks") in paths:
            raise FileNotFoundError("something is not there")

    setting.inotify.on_make = refuse
    assert setting.work() == {}
    assert setting.arming.polled() == {"a": "refused"}
    assert setting.arming.mode("b") == "events"


def test_a_folder_is_asked_for_and_never_looked_at(setting: Setting) -> None:
    """`watch` knows names alone: what is there the kernel says, and the service finds out through the root."""
    audit_hook.register(setting.base)
    setting.arm("a")
    shutil.rmtree(setting.path("a", "plans"))
    setting.inotify.change(setting.path("a", "plans"), DELETED)
    setting.work()
    setting.make("a")
    setting.arming.distrust()
    assert setting.work() == {"a": Hint("a", None, "clock")}
    assert setting.inotify.made[-1].paths == sorted(setting.path("a", folder) for folder in FOLDERS)
    assert audit_hook.take_violations() == []


def test_a_heavy_burst_is_an_overflow_of_the_shards_roots(setting: Setting) -> None:
    setting.arm("a", "b")
    setting.make("c")
    setting.ask("c")
    setting.work()
    both = {root_id: Hint(root_id, None, "overflow") for root_id in "ab"}
    for number in range(long_backlog()):
        setting.inotify.change(setting.path("a", f"plans/{number}.md"))
    assert setting.work() == both
    made = len(setting.inotify.made)
    setting.arming.now += AGAIN_S
    assert setting.work() == both, "when it is over"
    assert len(setting.inotify.made) == made + 1, "and folders replaced unnoticed are watched"
    assert setting.work() == {}


def test_a_burst_that_does_not_end_is_an_overflow_every_second(setting: Setting) -> None:
    setting.arm("a")
    counts = []
    for second in range(3):
        for look in range(10):
            for number in range(long_backlog() // 10 + 1):
                setting.inotify.change(setting.path("a", f"plans/{second}-{look}-{number}.md"))
            counts.append(setting.work()["a"].via)
            setting.arming.now += AGAIN_S / 10
    assert counts.count("overflow") == 3
    assert len(setting.inotify.made) == 1, "it is watched anew when it is over"


def test_a_burst_is_weighed_across_looks_and_a_light_one_is_none(setting: Setting) -> None:
    setting.arm("a")
    heavy = long_backlog()
    for third in range(3):
        for number in range(heavy // 3 + 1):
            setting.inotify.change(setting.path("a", f"plans/{third}-{number}.md"))
        hints = setting.work()
    assert hints == {"a": Hint("a", None, "overflow")}
    setting.arming.now += AGAIN_S
    setting.work()
    for number in range(heavy - 1):
        setting.inotify.change(setting.path("a", f"plans/{number}.md"))
    assert setting.work() == {"a": Hint("a", frozenset({"plans"}), "event")}
    assert setting.work() == {}


def test_distrust_watches_every_root_anew_and_then_hints_everything(setting: Setting) -> None:
    setting.inotify.max_watches = 2 * len(FOLDERS)
    for root_id in "abc":
        setting.make(root_id)
        setting.ask(root_id)
    setting.work()
    assert setting.arming.polled() == {"c": "watches"}
    setting.inotify.max_watches = None
    setting.arming.distrust()
    assert setting.outbox.take()[0] == [Hint("c", None, "clock")]
    assert setting.work() == {"a": Hint("a", None, "clock"), "b": Hint("b", None, "clock")}
    assert len(setting.inotify.made[-1].paths) == 2 * len(FOLDERS)


def test_every_root_is_reconciled_once_a_period_and_not_all_at_once(setting: Setting) -> None:
    setting.arm(*(f"r{number}" for number in range(30)))
    halves = [setting.pass_time(300), setting.pass_time(300)]
    assert sorted(hint.root_id for half in halves for hint in half) == sorted(f"r{number}" for number in range(30))
    assert {(hint.folders, hint.via) for half in halves for hint in half} == {(None, "reconcile")}
    assert 13 <= len(halves[0]) <= 17


def test_a_folder_that_came_unnoticed_is_watched_by_the_next_reconcile_before_the_hint(setting: Setting) -> None:
    setting.make("a", "", "plans")
    setting.ask("a")
    setting.work()
    setting.make("a")
    setting.inotify.on_make = lambda paths: Path(setting.path("a", "tasks/made-meanwhile")).mkdir()
    assert setting.pass_time(600) == [Hint("a", None, "reconcile")]
    assert setting.path("a", "tasks") in setting.inotify.watched


def test_a_dead_shard_is_rebuilt_and_everything_of_its_roots_is_hinted(setting: Setting) -> None:
    setting.arm("a", "b")
    setting.make("c")
    setting.ask("c")
    setting.work()
    setting.inotify.kill(setting.path("a", "plans"))
    assert setting.work() == {"a": Hint("a", None, "restart"), "b": Hint("b", None, "restart")}
    setting.inotify.change(setting.path("a", "plans/x.md"))
    assert setting.work() == {"a": Hint("a", frozenset({"plans"}), "event")}


def test_a_root_that_kills_its_watcher_again_is_polled_and_tried_again_later(setting: Setting) -> None:
    setting.arm("a")
    setting.inotify.kill(setting.path("a"))
    setting.work()
    setting.inotify.kill(setting.path("a"))
    assert setting.work() == {"a": Hint("a", None, "restart")}
    assert setting.arming.polled() == {"a": "died"}
    assert setting.inotify.watched == []
    hints = setting.pass_time(60)
    assert Hint("a", None, "restart") in hints
    assert {hint.via for hint in hints} == {"poll", "restart"}
    assert setting.arming.mode("a") == "events"
    setting.inotify.kill(setting.path("a"))
    setting.work()
    assert setting.arming.polled() == {"a": "died"}, "it is still suspect"


def test_a_killer_is_singled_out_and_nobody_else_is_polled(setting: Setting) -> None:
    root_ids = [f"r{number:02d}" for number in range(16)]
    setting.arm(*root_ids)
    for _ in range(10):
        setting.inotify.kill(setting.path("r05", "plans"))
        setting.work()
    assert setting.arming.polled() == {"r05": "died"}
    assert all(setting.arming.mode(root_id) == "events" for root_id in root_ids if root_id != "r05")
    for root_id in root_ids:
        setting.inotify.change(setting.path(root_id, "tasks/x.md"))
    assert setting.work().keys() == set(root_ids) - {"r05"}


def test_a_killer_that_stays_does_not_make_it_spin(setting: Setting) -> None:
    setting.arm(*(f"r{number:02d}" for number in range(16)))
    made = len(setting.inotify.made)
    setting.inotify.on_make = lambda paths: None
    for _ in range(4 * 600):  # ten minutes
        setting.inotify.kill(setting.path("r05", "plans"))
        setting.pass_time(0.25)
    assert len(setting.inotify.made) - made <= 80
    assert set(setting.arming.polled()) <= {"r05"}


def test_one_death_is_forgiven_after_a_period(setting: Setting) -> None:
    setting.arm("a")
    for _ in range(3):
        setting.inotify.kill(setting.path("a"))
        setting.work()
        assert setting.arming.mode("a") == "events"
        setting.pass_time(61)


def test_a_death_while_a_retired_shard_drains_hints_everything(setting: Setting) -> None:
    setting.arm("a")
    setting.arming.distrust()
    setting.work()
    assert setting.arming.is_draining
    setting.inotify.made[0].is_dead = True
    assert setting.work() == {"a": Hint("a", None, "restart")}
    assert setting.arming.mode("a") == "events"


@pytest.mark.parametrize(
    ("why", "inotify"),
    [("watches", FakeInotify(max_watches=2 * len(FOLDERS) + 1)), ("instances", FakeInotify(max_instances=1))],
)
def test_a_root_that_no_longer_fits_is_polled_and_others_are_unharmed(
    tmp_path: Path, why: str, inotify: FakeInotify
) -> None:
    setting = Setting(tmp_path, inotify=inotify)
    setting.arm("a", "b")
    setting.make("c")
    done = setting.ask("c")
    setting.arming.step()
    assert setting.arming.polled() == {"c": why}
    assert setting.outbox.take() == ([], [done])
    hints = setting.pass_time(10)
    assert [hint.root_id for hint in hints if hint.via == "poll"] == ["c"] * 5
    setting.inotify.change(setting.path("a", "plans/x.md"))
    assert setting.work() == {"a": Hint("a", frozenset({"plans"}), "event")}
    inotify.max_watches = inotify.max_instances = None
    assert Hint("c", None, "restart") in setting.pass_time(60)
    assert setting.arming.mode("c") == "events"
    assert [hint for hint in setting.pass_time(10) if hint.via == "poll"] == []


def test_as_many_roots_as_fit_are_watched(tmp_path: Path) -> None:
    setting = Setting(tmp_path, inotify=FakeInotify(max_watches=10 * len(FOLDERS)))
    for number in range(16):
        setting.make(f"r{number:02d}")
        setting.ask(f"r{number:02d}")
    setting.work()
    assert len(setting.arming.polled()) == 6
    assert set(setting.arming.polled().values()) == {"watches"}


def test_a_root_waits_for_retired_watches_rather_than_be_polled(tmp_path: Path) -> None:
    setting = Setting(tmp_path, inotify=FakeInotify(max_watches=len(FOLDERS)))
    setting.arm("a")
    setting.arming.distrust()
    assert setting.work() == {}
    assert setting.arming.polled() == {}
    assert setting.pass_time(5) == [Hint("a", None, "clock")]
    assert setting.arming.mode("a") == "events"


def test_a_folder_that_the_kernel_refuses_is_polled_alone_until_it_may_be_watched(setting: Setting) -> None:
    for root_id in "abcd":
        setting.make(root_id)
        setting.ask(root_id)
    setting.inotify.refused.add(setting.path("c", "plans"))
    setting.work()
    assert setting.arming.polled() == {}
    assert setting.arming.refused() == {"c": ("plans",)}
    assert [setting.arming.mode(root_id) for root_id in "abcd"] == ["events"] * 4
    setting.inotify.change(setting.path("c", "plans/prds/x.md"))
    assert setting.work() == {"c": Hint("c", frozenset({"plans/prds"}), "event")}
    assert setting.pass_time(10).count(Hint("c", frozenset({"plans"}), "poll")) == 5
    setting.inotify.refused.clear()
    assert Hint("c", frozenset({"plans"}), "restart") in setting.pass_time(60)
    assert setting.arming.refused() == {}
    assert {hint.via for hint in setting.pass_time(10)} <= {"reconcile"}
    setting.inotify.change(setting.path("c", "plans/x.md"))
    assert setting.work() == {"c": Hint("c", frozenset({"plans"}), "event")}


def test_another_thread_may_ask_which_folders_are_refused_at_any_moment(setting: Setting) -> None:
    setting.make("a")
    setting.ask("a")
    setting.inotify.refused.add(setting.path("a", "plans"))
    setting.work()
    root = setting.arming._roots["a"]

    class Readmitting(set[str]):
        """What the watcher's thread takes out while another goes through it."""

        def __iter__(self) -> Iterator[str]:
            for path in sorted(super().__iter__()):
                root.wanted = {}
                yield path

    root.refused = Readmitting(root.refused)
    assert setting.arming.refused() == {"a": ("plans",)}


def test_a_refused_folder_that_is_replaced_is_watched_at_once(setting: Setting) -> None:
    setting.make("a")
    setting.ask("a")
    setting.inotify.refused.add(setting.path("a", "tasks"))
    setting.work()
    setting.inotify.refused.clear()
    setting.inotify.change(setting.path("a", "tasks"), ADDED)
    assert setting.work()["a"].folders == {"", "tasks"}
    assert setting.arming.refused() == {}
    assert setting.path("a", "tasks") in setting.inotify.watched


def test_a_refused_folder_that_is_wanted_no_longer_is_forgotten(setting: Setting) -> None:
    setting.make("a")
    setting.ask("a")
    setting.inotify.refused.add(setting.path("a", "tasks"))
    setting.work()
    setting.ask("a", "", "plans")
    setting.work()
    assert setting.arming.refused() == {}
    assert {hint.via for hint in setting.pass_time(120)} <= {"reconcile"}


def test_a_root_of_which_every_folder_is_refused_is_polled(setting: Setting) -> None:
    setting.inotify.refused = {setting.path("a", folder) for folder in FOLDERS} | {setting.path("a").rstrip("/")}
    setting.make("a")
    done = setting.ask("a")
    setting.work()
    assert setting.arming.polled() == {"a": "refused"}
    assert setting.arming.refused() == {}
    assert setting.pass_time(4).count(Hint("a", None, "poll")) == 2
    setting.inotify.refused.clear()
    assert Hint("a", None, "restart") in setting.pass_time(60)
    assert setting.arming.mode("a") == "events"
    assert not done.is_set()


def test_a_root_of_which_very_many_folders_are_refused_is_polled_and_others_are_not(setting: Setting) -> None:
    folders = [f"f{number:03d}" for number in range(100)]
    setting.make("a", *folders)
    setting.inotify.refused = {setting.path("a", folder) for folder in folders[10:]}
    setting.ask("a", "", *folders)
    setting.make("b")
    setting.ask("b")
    attempts: list[list[str]] = []
    setting.inotify.on_make = attempts.append
    setting.work()
    assert setting.arming.polled() == {"a": "refused"}
    assert setting.arming.mode("b") == "events"
    assert len(attempts) <= MAX_REFUSED + 3


def test_a_folder_that_is_refused_later_does_not_keep_shards_from_merging(setting: Setting) -> None:
    setting.arm("bad")
    setting.inotify.refused.add(setting.path("bad", "tasks"))
    for number in range(40):
        setting.arm(f"r{number:02d}")
        setting.pass_time(5)
    assert setting.arming.instances <= MAX_SMALL + 1
    assert setting.arming.polled() == {}
    assert setting.arming.refused() == {"bad": ("tasks",)}
    assert Hint("bad", frozenset({"tasks"}), "poll") in setting.pass_time(2)


def test_a_file_system_without_events_is_polled_from_the_start(tmp_path: Path) -> None:
    remote = str(tmp_path / "remote")
    setting = Setting(tmp_path, mounts=lambda: {"/": "ext4", remote: "nfs4"})
    setting.arm("local", "remote")
    assert setting.arming.polled() == {"remote": "filesystem"}
    assert not any(path.startswith(remote) for path in setting.inotify.watched)
    hints = setting.pass_time(4)
    assert hints.count(Hint("remote", None, "poll")) == 2


def test_a_folder_on_a_file_system_without_events_is_enough_to_poll(tmp_path: Path) -> None:
    setting = Setting(tmp_path, mounts=lambda: {"/": "ext4", str(tmp_path / "a" / "plans"): "fuse.sshfs"})
    setting.arm("a")
    assert setting.arming.polled() == {"a": "filesystem"}


def test_polls_are_spread_over_their_period(tmp_path: Path) -> None:
    setting = Setting(tmp_path, policy=Policy(events=False))
    setting.arm(*(f"r{number:02d}" for number in range(40)))
    slices = [len(setting.pass_time(0.25)) for _ in range(8)]
    assert sum(slices) == 40
    assert max(slices) <= 8


def test_a_root_whose_folder_is_missing_is_polled_and_watched_within_a_poll_of_its_return(setting: Setting) -> None:
    setting.ask("a")
    setting.work()
    assert setting.arming.polled() == {"a": "missing"}
    setting.make("a")
    assert setting.pass_time(2)[-1] == Hint("a", None, "restart")
    assert setting.arming.mode("a") == "events"


def test_a_root_that_is_moved_away_is_polled_until_it_is_back(setting: Setting) -> None:
    setting.arm("a")
    os.rename(setting.path("a"), setting.path("away"))
    setting.inotify.change(setting.path("a"), DELETED)
    assert setting.work() == {"a": Hint("a", frozenset(FOLDERS), "event")}
    assert setting.arming.polled() == {"a": "missing"}
    os.rename(setting.path("away"), setting.path("a"))
    assert Hint("a", None, "restart") in setting.pass_time(2)


def test_a_root_that_wants_nothing_is_watched(setting: Setting) -> None:
    setting.arming.want("a", setting.path("a"), frozenset(), trio.Event())
    setting.work()
    assert setting.arming.mode("a") == "events"


def test_without_events_every_root_is_polled(tmp_path: Path) -> None:
    setting = Setting(tmp_path, policy=Policy(events=False))
    setting.arm("a")
    assert setting.arming.polled() == {"a": "disabled"}
    assert setting.arming.mode("a") == "poll"
    assert setting.inotify.made == []
    assert setting.pass_time(60).count(Hint("a", None, "poll")) == 30


def test_without_polling_no_timer_hints(tmp_path: Path) -> None:
    setting = Setting(tmp_path, policy=Policy(polling=False), mounts=lambda: {str(tmp_path / "remote"): "9p"})
    setting.arm("a", "remote")
    assert setting.pass_time(120) == []
    assert setting.arming.mode("remote") == "off"
    setting.inotify.change(setting.path("a", "plans/x.md"), MODIFIED)
    assert setting.work() == {"a": Hint("a", frozenset({"plans"}), "event")}


def test_a_polled_root_takes_new_folders_at_once(tmp_path: Path) -> None:
    setting = Setting(tmp_path, policy=Policy(events=False))
    setting.arm("a")
    setting.outbox.take()
    done = setting.ask("a", "", "docs")
    assert setting.outbox.take() == ([], [done])


def test_a_folder_that_two_roots_want_stays_watched_for_the_other(setting: Setting) -> None:
    setting.make("a", "", "sub", "sub/plans")
    inner = str(setting.base / "a" / "sub")
    setting.ask("a", "", "sub")
    setting.arming.want("b", inner, frozenset({"", "plans"}), trio.Event())
    setting.work()
    setting.arming.forget("b")
    setting.inotify.change(f"{inner}/x.md")
    assert setting.work() == {"a": Hint("a", frozenset({"sub"}), "event")}
    setting.arming.want("b", inner, frozenset({"", "plans"}), trio.Event())
    setting.work()
    setting.inotify.refused.add(f"{inner}/plans")
    setting.inotify.refused.add(inner)
    setting.inotify.change(inner, ADDED)
    setting.work()
    assert setting.arming.polled() == {"b": "refused"}
    assert setting.arming.refused() == {"a": ("sub",)}
    setting.inotify.refused.clear()
    assert setting.pass_time(60)
    setting.inotify.change(f"{inner}/x.md")
    assert setting.work()["a"] == Hint("a", frozenset({"sub"}), "event")


def test_closing_lets_everybody_go_who_waits(setting: Setting) -> None:
    setting.make("a")
    done = setting.ask("a")
    setting.arming.close()
    assert setting.outbox.take() == ([], [done])
    assert setting.inotify.open == []
