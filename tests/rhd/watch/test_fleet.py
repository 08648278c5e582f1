from __future__ import annotations

import time
from pathlib import Path

import pytest

from rhd.watch.fleet import CHUNK, DRAINING_LOOKS, MAX_CHUNKS, MAX_SMALL, RENEW_S, Fleet
from rhd.watch.shard import CannotWatch, FolderRefused
from tests.support import audit_hook
from tests.support.inotify import ADDED, FakeInotify


def make_folders(base: Path, count: int, prefix: str = "f") -> list[str]:
    folders = [base / f"{prefix}{number:04d}" for number in range(count)]
    for folder in folders:
        folder.mkdir()
    return [str(folder) for folder in folders]


def tidy(fleet: Fleet, now: float = 0.0) -> None:
    for _ in range(500):
        if not fleet.tidy(now):
            return
    raise AssertionError("it spins")


def drain(fleet: Fleet) -> set[tuple[int, str]]:
    """Look until nothing drains, and return all that was said."""
    said: set[tuple[int, str]] = set()
    while fleet.is_draining:
        for look in fleet.look():
            said |= look.batch or set()
    return said


def test_what_is_added_is_watched_once_and_what_is_dropped_no_longer_counts(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    one, two = make_folders(tmp_path, 2)
    fleet.add([two, one], 0.0)
    assert one in fleet
    assert two in fleet
    assert inotify.watched == [one, two]
    fleet.drop([one])
    assert one not in fleet
    assert fleet.watches == 2, "the kernel is not told of it yet"
    fleet.drop([two])
    tidy(fleet)
    drain(fleet)
    assert (fleet.watches, fleet.instances) == (0, 0)
    assert inotify.watched == []


def test_parents_are_watched_before_what_they_hold(tmp_path: Path) -> None:
    inotify = FakeInotify()
    (tmp_path / "a" / "b").mkdir(parents=True)
    Fleet(notify=inotify.notify).add([f"{tmp_path}/a/b", str(tmp_path), f"{tmp_path}/a"], 0.0)
    assert inotify.made[0].paths == [str(tmp_path), f"{tmp_path}/a", f"{tmp_path}/a/b"]


def test_small_shards_are_merged_and_the_new_one_watches_before_the_old_ones_end(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, MAX_SMALL + 1)
    for folder in folders:
        fleet.add([folder], 0.0)
    assert fleet.instances == MAX_SMALL + 1
    tidy(fleet)
    assert [n for n in inotify.made if n.is_closed] == []
    assert inotify.made[-1].paths == folders
    drain(fleet)
    assert fleet.instances == 1
    assert inotify.watched == folders


def test_merging_leaves_few_shards_none_too_large_however_folders_come(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, 1500)
    for start in range(0, len(folders), 12):
        fleet.add(folders[start : start + 12], 0.0)
        tidy(fleet)
        drain(fleet)
    assert inotify.watched == folders
    assert fleet.instances <= 2 * (len(folders) // CHUNK + 1) + MAX_SMALL
    assert max(len(n.paths) for n in inotify.made) <= CHUNK
    assert sum(len(n.paths) for n in inotify.made) <= 12 * len(folders), "each folder is watched anew a few times only"


def test_shards_grow_where_there_would_be_too_many() -> None:
    fleet = Fleet(notify=FakeInotify().notify)
    assert fleet.chunk == CHUNK
    fleet.expected = CHUNK * MAX_CHUNKS
    assert fleet.chunk == CHUNK
    fleet.expected += 1
    assert fleet.chunk == 2 * CHUNK


def test_a_merge_leaves_out_what_nobody_wants_and_what_is_gone_without_a_look(tmp_path: Path) -> None:
    audit_hook.register(tmp_path)
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, MAX_SMALL + 2)
    for folder in folders:
        fleet.add([folder], 0.0)
    fleet.drop([folders[0]])
    Path(folders[1]).rmdir()
    tidy(fleet)
    drain(fleet)
    assert folders[1] not in fleet
    assert all(folder in fleet for folder in folders[2:])
    assert not {folders[0], folders[1]} & set(inotify.watched)


def test_a_merge_that_is_refused_for_a_folder_without_a_name_changes_nothing_and_is_not_the_choice_again(
    tmp_path: Path,
) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, MAX_SMALL + 1)
    for folder in folders:
        fleet.add([folder], 0.0)

    def refuse(paths: list[str]) -> None:
        raise FileNotFoundError("something is not there")

    inotify.on_make = refuse
    assert fleet.tidy(0.0)
    assert inotify.watched == folders
    assert not fleet.tidy(0.0)


def test_a_pending_batch_is_not_dropped_when_its_shard_retires(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, MAX_SMALL + 1)
    for folder in folders:
        fleet.add([folder], 0.0)
    inotify.change(f"{folders[0]}/a.md", ADDED)
    old = inotify.made[0]
    tidy(fleet)
    assert old.pending
    assert (ADDED, f"{folders[0]}/a.md") in drain(fleet)


def test_a_pending_batch_is_not_dropped_when_its_shard_retires_with_real_inotify(tmp_path: Path) -> None:
    """Every file is made just before a merge, so that its change is somewhere on the way when its shard retires."""
    fleet = Fleet()
    folder = str(tmp_path / "busy")
    Path(folder).mkdir()
    fleet.add([folder], 0.0)
    wanted, seen = set(), set()
    for number, other in enumerate(make_folders(tmp_path, 60, "other")):
        path = f"{folder}/{number}.md"
        Path(path).touch()
        wanted.add(path)
        fleet.add([other], 0.0)
        fleet.tidy(0.0)
        seen |= {path for look in fleet.look() for _, path in look.batch or ()}
    end = time.monotonic() + 5
    while not wanted <= seen:
        assert time.monotonic() < end, f"{len(wanted - seen)} of {len(wanted)} lost"
        seen |= {path for look in fleet.look() for _, path in look.batch or ()}
    fleet.close()


def test_a_retired_shard_drains_by_looks_however_long_the_gil_was_held(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, MAX_SMALL + 1)
    for folder in folders:
        fleet.add([folder], 0.0)
    tidy(fleet)
    old = inotify.made[0]
    for _ in range(DRAINING_LOOKS - 1):
        list(fleet.look())
    tidy(fleet, now=3600.0)  # an hour without a look
    old.pending.add((ADDED, f"{folders[0]}/late.md"))
    assert (ADDED, f"{folders[0]}/late.md") in drain(fleet)
    assert old.is_closed


def test_a_retired_shard_ends_though_its_folders_stay_busy(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, MAX_SMALL + 1)
    for folder in folders:
        fleet.add([folder], 0.0)
    tidy(fleet)
    for _ in range(200):
        inotify.change(f"{folders[0]}/log")
        list(fleet.look())
    assert not fleet.is_draining


def test_a_dead_shard_is_dropped_and_others_are_not_touched(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    good, bad = make_folders(tmp_path, 2)
    fleet.add([good], 0.0)
    fleet.add([bad], 0.0)
    inotify.kill(bad)
    inotify.change(f"{good}/a.md")
    looks = list(fleet.look())
    assert sorted((look.shard.paths, look.batch is None) for look in looks) == [((good,), False), ((bad,), True)]
    assert good in fleet
    assert bad not in fleet
    assert inotify.made[1].is_closed


def test_a_retired_shard_that_dies_is_told_of_but_its_successor_watches(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, MAX_SMALL + 1)
    for folder in folders:
        fleet.add([folder], 0.0)
    tidy(fleet)
    inotify.made[0].is_dead = True
    assert [(look.shard.paths, look.batch) for look in fleet.look()] == [((folders[0],), None)]
    assert all(folder in fleet for folder in folders)


def test_suspect_shards_are_kept_apart_for_their_time(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    for folder in make_folders(tmp_path, MAX_SMALL + 1):
        fleet.add([folder], 0.0, suspect_until=60.0)
    tidy(fleet, now=59.0)
    assert fleet.instances == MAX_SMALL + 1
    tidy(fleet, now=60.0)
    drain(fleet)
    assert fleet.instances == 1


def test_an_old_shard_is_renewed(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, 3)
    fleet.add(folders, 0.0)
    tidy(fleet, now=RENEW_S - 1)
    assert len(inotify.made) == 1
    tidy(fleet, now=RENEW_S)
    assert [n.paths for n in inotify.made] == [folders, folders]
    tidy(fleet, now=RENEW_S)
    assert len(inotify.made) == 2


@pytest.mark.parametrize("limit", [{"max_watches": MAX_SMALL + 1}, {"max_instances": MAX_SMALL + 1}])
def test_a_merge_without_room_changes_nothing(tmp_path: Path, limit: dict[str, int]) -> None:
    inotify = FakeInotify(**limit)
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, MAX_SMALL + 1)
    for folder in folders:
        fleet.add([folder], 0.0)
    with pytest.raises(CannotWatch):
        fleet.tidy(0.0)
    assert inotify.watched == folders
    assert all(folder in fleet for folder in folders)
    assert not fleet.is_draining


def test_a_folder_that_may_be_watched_no_longer_is_named_and_without_it_the_rest_is_merged(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    folders = make_folders(tmp_path, MAX_SMALL + 2)
    for folder in folders:
        fleet.add([folder], 0.0)
    inotify.refused.add(folders[0])
    with pytest.raises(FolderRefused) as refused:
        tidy(fleet)
    assert refused.value.path == folders[0]
    assert inotify.watched == folders, "nothing is lost"
    fleet.drop([folders[0]])
    tidy(fleet)
    drain(fleet)
    assert inotify.watched == folders[1:]
    assert fleet.instances == 1


def test_shards_that_cannot_be_made_again_for_no_known_reason_stay_and_others_are_merged(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    odd = make_folders(tmp_path, MAX_SMALL + 1, "odd")
    for folder in odd:
        fleet.add([folder], 0.0)
    inotify.unspeakable.add(odd[0])
    tidy(fleet)
    more = make_folders(tmp_path, MAX_SMALL + 1)
    for folder in more:
        fleet.add([folder], 0.0)
    tidy(fleet)
    drain(fleet)
    assert fleet.instances == len(odd) + 1
    assert inotify.watched == sorted(odd + more)
    tidy(fleet, now=RENEW_S)
    assert inotify.made[-1].paths == more, "and renewed"


def test_an_addition_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    fleet = Fleet(notify=FakeInotify(max_watches=1).notify)
    folders = make_folders(tmp_path, 2)
    with pytest.raises(CannotWatch):
        fleet.add(folders, 0.0)
    assert folders[0] not in fleet
    assert (fleet.watches, fleet.instances) == (0, 0)


def test_closing_closes_everything(tmp_path: Path) -> None:
    inotify = FakeInotify()
    fleet = Fleet(notify=inotify.notify)
    for folder in make_folders(tmp_path, MAX_SMALL + 1):
        fleet.add([folder], 0.0)
    tidy(fleet)
    fleet.close()
    assert inotify.open == []
    assert fleet.instances == 0
