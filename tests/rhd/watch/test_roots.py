from __future__ import annotations

from rhd.watch.roots import Owed, Root, Roots
from tests.support.inotify import ADDED, DELETED, MODIFIED


def make(*folders: str, root_id: str = "a", path: str = "/r", roots: Roots | None = None) -> tuple[Roots, Root]:
    roots = roots or Roots()
    root = Root(root_id, path)
    roots.put(root, folders)
    return roots, root


def test_a_changed_file_means_its_folder() -> None:
    roots, root = make("", "plans", "plans/prds")
    meaning = roots.interpret({(MODIFIED, "/r/plans/prds/a.md"), (ADDED, "/r/AGENTS.md")})
    assert meaning.folders == {root: {"plans/prds", ""}}
    assert meaning.upset == {}


def test_a_folder_that_came_or_went_means_itself_its_parent_and_what_is_below() -> None:
    for kind in (ADDED, DELETED):
        roots, root = make("", "plans", "plans/prds", "plansible")
        meaning = roots.interpret({(kind, "/r/plans")})
        assert meaning.folders == {root: {"", "plans"}}
        assert meaning.upset == {root: {"/r/plans", "/r/plans/prds"}}


def test_a_folder_whose_own_facts_changed_is_not_upset() -> None:
    roots, root = make("", "plans")
    meaning = roots.interpret({(MODIFIED, "/r/plans")})
    assert meaning.folders == {root: {"", "plans"}}
    assert meaning.upset == {}


def test_the_root_itself_has_no_parent_to_hint() -> None:
    roots, root = make("", "plans")
    meaning = roots.interpret({(DELETED, "/r")})
    assert meaning.folders == {root: {""}}
    assert meaning.upset == {root: {"/r", "/r/plans"}}


def test_what_nobody_wants_means_nothing() -> None:
    roots, _ = make("plans")
    assert roots.interpret({(ADDED, "/r/src/a.py"), (ADDED, "/elsewhere/b")}) == ({}, {})


def test_a_folder_that_two_roots_want_means_both() -> None:
    roots, outer = make("", "sub")
    _, inner = make("", root_id="b", path="/r/sub", roots=roots)
    assert roots.interpret({(MODIFIED, "/r/sub/x.md")}).folders == {outer: {"sub"}, inner: {""}}
    assert roots.count_folders() == 2
    assert roots.remove(inner) == []
    assert sorted(roots.remove(outer)) == ["/r", "/r/sub"]
    assert roots.interpret({(MODIFIED, "/r/sub/x.md")}) == ({}, {})


def test_a_new_set_says_what_is_wanted_no_longer() -> None:
    roots, root = make("", "plans", "tasks")
    assert sorted(roots.put(root, {"", "docs"})) == ["/r/plans", "/r/tasks"]
    assert set(root.wanted.values()) == {"", "docs"}
    assert roots.wanting(["/r/plans"]) == []
    assert roots.wanting(["/r/docs", "/r"]) == [root]


def test_a_root_at_the_root_of_everything_is_found() -> None:
    roots, root = make("", "plans", path="")
    assert roots.interpret({(ADDED, "/plans/x"), (ADDED, "/y")}).folders == {root: {"plans", ""}}


def test_what_is_owed_gathers_and_everything_swallows_folders() -> None:
    root = Root("a", "/r")
    root.owe(frozenset({"plans"}), "event")
    root.owe(frozenset({"tasks"}), "event")
    assert root.owed == Owed(frozenset({"plans", "tasks"}), "event")
    root.owe(None, "restart")
    root.owe(frozenset({"docs"}), "event")
    assert root.owed == Owed(None, "restart")
