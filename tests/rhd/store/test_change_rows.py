from __future__ import annotations

import itertools
import sqlite3

import pytest

from rhd.store import change_rows as changes
from rhd.store.change_rows import (
    KEEP_DELIVERED_S,
    ArtifactRow,
    ChangeRow,
    Head,
    delete_delivered,
    read_artifacts,
    read_changes,
    read_delivered,
    read_heads,
    read_newest_changes,
    release_numbers,
    reserve_numbers,
    save_delivered,
    save_refresh,
    sure_numbers,
)
from rhd.store.repo_rows import RepoRow, forget_repo, save_repo


def rows(*numbers: int) -> list[ChangeRow]:
    return [ChangeRow(n, f"plans/{n}.md", "plan", "added", float(n), "event") for n in numbers]


def artifact(name: str, facts: str = "{}") -> ArtifactRow:
    return ArtifactRow(f"plans/{name}.md", "1.2.3.4", facts)


def test_a_catalog_and_its_changes_are_read_back_by_repository(adopted: sqlite3.Connection) -> None:
    save_refresh(adopted, "a", "log", [artifact("x"), artifact("y")], [], rows(1, 2))
    save_refresh(adopted, "b", "log", [artifact("z")], [], rows(1))
    assert sorted(read_artifacts(adopted, "a")) == [artifact("x"), artifact("y")]
    assert read_changes(adopted, "a", 0, 10) == rows(1, 2)
    assert read_heads(adopted) == {"a": Head(rows(2)[0], 0), "b": Head(rows(1)[0], 0)}
    save_refresh(adopted, "a", "log", [artifact("x", '{"title":"X"}')], ["plans/y.md", "plans/none.md"], [])
    assert read_artifacts(adopted, "a") == [artifact("x", '{"title":"X"}')]
    assert read_artifacts(adopted, "b") == [artifact("z")]


def test_changes_are_given_out_after_a_number_oldest_first_and_bounded(adopted: sqlite3.Connection) -> None:
    assert read_heads(adopted) == {"a": Head(None, 0), "b": Head(None, 0)}
    save_refresh(adopted, "a", "log", [], [], rows(1, 2, 3, 4), 7)
    assert read_heads(adopted) == {"a": Head(rows(4)[0], 7), "b": Head(None, 0)}
    assert [row.number for row in read_newest_changes(adopted, "a", 3, 2)] == [2, 3]
    assert [row.number for row in read_changes(adopted, "a", 1, 2)] == [2, 3]
    assert read_changes(adopted, "a", 4, 10) == []


def test_only_the_newest_are_kept(adopted: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEEP_CHANGES", 3)
    save_refresh(adopted, "b", "log", [], [], rows(1))
    for number in range(1, 8):
        save_refresh(adopted, "a", "log", [], [], rows(number))
    expected = {"a": Head(rows(7)[0], 0), "b": Head(rows(1)[0], 0)}
    assert read_heads(adopted) == expected
    save_refresh(adopted, "a", "log", [artifact("x")], [], [])
    assert read_heads(adopted) == expected
    assert len(read_changes(adopted, "a", 0, 10)) == 3, "a refresh without a change takes none away"


def test_a_refresh_is_recorded_whole_or_not_at_all(adopted: sqlite3.Connection) -> None:
    save_refresh(adopted, "a", "log", [artifact("x")], [], rows(1))
    adopted.commit()
    broken = rows(3)[0]._replace(kind=None)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError), adopted:
        save_refresh(adopted, "a", "log", [artifact("y")], ["plans/x.md"], [*rows(2), broken])
    assert read_artifacts(adopted, "a") == [artifact("x")]
    assert read_heads(adopted)["a"] == Head(rows(1)[0], 0)


def test_a_refresh_may_be_recorded_twice(adopted: sqlite3.Connection) -> None:
    for _ in range(2):
        save_refresh(adopted, "a", "log", [artifact("x")], ["plans/y.md"], rows(1, 2))
    assert [row.number for row in read_changes(adopted, "a", 0, 10)] == [1, 2]


def test_a_late_refresh_of_a_forgotten_log_reaches_neither_the_disk_nor_the_log_that_follows(
    adopted: sqlite3.Connection,
) -> None:
    assert save_refresh(adopted, "a", "log", [], [], rows(1))
    forget_repo(adopted, "a", 5.0)
    assert not save_refresh(adopted, "a", "log", [artifact("late")], [], rows(2))
    save_repo(adopted, RepoRow("a", "a", "a", "/a", "again", b"", 6.0))
    assert not save_refresh(adopted, "a", "log", [artifact("late")], [], rows(2))
    assert (read_artifacts(adopted, "a"), read_heads(adopted)["a"]) == ([], Head(None, 0))
    assert save_refresh(adopted, "a", "again", [], [], rows(1, 2))


def test_reserved_numbers_only_grow_until_they_are_released(adopted: sqlite3.Connection) -> None:
    reserve_numbers(adopted, {"a": 1000, "none": 5})
    reserve_numbers(adopted, {"a": 500})
    assert read_heads(adopted)["a"] == Head(None, 1000)
    release_numbers(adopted, {"a": 3})
    assert read_heads(adopted)["a"] == Head(None, 3)


def test_the_ends_of_a_log_are_found_without_looking_through_it(adopted: sqlite3.Connection) -> None:
    def count_steps() -> int:
        steps = itertools.count()
        adopted.set_progress_handler(lambda: next(steps) and None, 1)
        read_heads(adopted)
        adopted.set_progress_handler(None, 0)
        return next(steps)

    save_refresh(adopted, "a", "log", [], [], rows(*range(1, 11)))
    few = count_steps()
    save_refresh(adopted, "a", "log", [], [], rows(*range(11, 1001)))
    assert count_steps() == few


def test_a_listener_is_known_to_have_heard_what_surely_arrived(adopted: sqlite3.Connection) -> None:
    save_refresh(adopted, "a", "log", [], [], rows(1, 2, 3))  # at 1.0, 2.0, 3.0
    assert sure_numbers(adopted, {"a": 3, "b": 0}, 2.5) == {"a": 2, "b": 0}
    assert sure_numbers(adopted, {"a": 2}, 9.0) == {"a": 2}
    assert sure_numbers(adopted, {"a": 3}, 0.5) == {"a": 0}, "what may not have arrived is told again"


def test_how_far_a_listener_has_heard_is_kept(adopted: sqlite3.Connection) -> None:
    save_delivered(adopted, "g", {"a": 3, "b": 0}, 4.0)
    assert read_delivered(adopted, "g") == {"a": 3, "b": 0}
    save_delivered(adopted, "g", {"a": 5}, 5.0)
    assert read_delivered(adopted, "g") == {"a": 5, "b": 0}
    assert read_delivered(adopted, "other") == {}


def test_a_beginning_takes_nothing_away(adopted: sqlite3.Connection) -> None:
    save_delivered(adopted, "g", {"a": 3}, 4.0, is_first=True)
    save_delivered(adopted, "g", {"a": 7, "b": 1}, 5.0, is_first=True)
    assert read_delivered(adopted, "g") == {"a": 3, "b": 1}


@pytest.mark.parametrize("is_first", [False, True])
def test_a_repository_that_was_forgotten_meanwhile_is_no_error(adopted: sqlite3.Connection, is_first: bool) -> None:
    save_delivered(adopted, "g", {"a": 1, "none": 1}, 4.0, is_first=is_first)
    assert set(read_delivered(adopted, "g")) == {"a"}
    forget_repo(adopted, "a", 5.0)
    assert read_delivered(adopted, "g") == {}


def test_a_listener_that_does_not_come_back_is_forgotten(adopted: sqlite3.Connection) -> None:
    save_delivered(adopted, "gone", {"a": 1}, 0.0)
    save_delivered(adopted, "new", {"a": 1}, KEEP_DELIVERED_S + 1)
    assert read_delivered(adopted, "gone") == {}
    assert set(read_delivered(adopted, "new")) == {"a"}
    delete_delivered(adopted, "new")
    assert read_delivered(adopted, "new") == {}
