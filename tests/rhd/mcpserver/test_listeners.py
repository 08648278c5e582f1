from __future__ import annotations

from typing import Any

import pytest

from rhd.ids import Cursor, RepoId, Slug
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.listeners import (
    CURSOR_META_KEY,
    MAX_URIS,
    RESOURCES,
    TOOLS,
    Batch,
    Event,
    Listener,
    acknowledgement,
    canonical,
    known_cursors,
    make_batch,
    notification,
    readers_of,
)
from rhd.repos.change_log import ChangeEntry
from rhd.repos.following import LISTS

SLUG = Slug("project")
CALLER = Caller("g", "g", False, lambda: None)


def entry(path: str, change: str = "modified") -> ChangeEntry:
    return ChangeEntry(Cursor.make("aaaaaa", 1), path, "plan", change, 0.0, "event")


def test_a_batch_says_who_reads_what_changed_and_whose_lists_did() -> None:
    batch = make_batch(SLUG, [entry("docs/spec.md"), entry("tasks/todos.md", "added"), entry("docs/spec.md")])
    assert batch.readers == {
        "repo-harness://project/docs/spec.md": {"planner", "executor", "orchestrator"},
        "repo-harness://project/tasks/todos.md": {"executor"},
    }
    assert batch.listed == {"executor"}
    assert readers_of("src/main.py") == frozenset()


class Counting(dict[str, Any]):
    """A mapping that knows how often it was gone through."""

    walks = 0

    def __iter__(self) -> Any:
        self.walks += 1
        return super().__iter__()


@pytest.mark.parametrize(("asked", "changed"), [(3, 5000), (2000, 2)])
def test_whoever_listens_to_little_or_whatever_changed_little_is_gone_through_and_not_the_other(
    asked: int, changed: int
) -> None:
    """A branch switch of thousands of files, times hundreds of listeners, would hold the loop up for a second."""
    batch = make_batch(SLUG, [entry(f"plans/{number}.md") for number in range(changed)])
    wanted = Counting({uri: uri for uri in (f"repo-harness://project/plans/{n}.md" for n in range(asked))})
    readers = Counting(batch.readers)
    listener = Listener(CALLER, None, uris=wanted)
    told = Batch(readers, batch.listed).events(listener, frozenset({"planner"}))
    assert sorted(told) == sorted(
        Event("updated", f"repo-harness://project/plans/{n}.md") for n in range(min(asked, changed))
    )
    assert (wanted.walks, readers.walks) == ((1, 0) if asked < changed else (0, 1))


def test_a_listener_is_told_what_its_profiles_reach_and_asked_for() -> None:
    batch = make_batch(SLUG, [entry("docs/spec.md", "added"), entry("tasks/todos.md", "added")])
    uris = canonical(["repo-harness://project/docs/spec.md", "repo-harness://project/tasks/%74odos.md"])
    listener = Listener(CALLER, None, uris=uris, hears_resources=True)
    spec, todos = (
        Event("updated", "repo-harness://project/docs/spec.md"),
        Event("updated", "repo-harness://project/tasks/%74odos.md"),
    )
    assert set(batch.events(listener, frozenset({"executor"}))) == {spec, todos, RESOURCES}
    assert set(batch.events(listener, frozenset({"planner"}))) == {spec, RESOURCES}
    assert batch.events(listener, frozenset()) == []
    assert batch.events(Listener(CALLER, None, hears_tools=True), frozenset({"planner"})) == []
    moved = ChangeEntry(Cursor.make("aaaaaa", 1), "", "repository", "moved", 0.0, "command")
    assert make_batch(SLUG, [moved]) == ({}, set())


def test_a_listener_is_poked_for_what_it_asked_for() -> None:
    one = RepoId.new()
    uris = canonical(["repo-harness://project/docs/spec.md", "repo-harness://unknown/docs/spec.md"])
    listener = Listener(CALLER, one, uris=uris, hears_resources=True)
    assert listener.topics({"project": one}.get) == [(one, LISTS), (one, "docs/spec.md")]
    assert Listener(CALLER, None, hears_tools=True).topics({}.get) == []


def test_what_is_due_is_due_once_and_nothing_after_the_end() -> None:
    listener = Listener(CALLER, None)
    for event in (TOOLS, RESOURCES, TOOLS):
        listener.put(event)
    listener.close()
    listener.put(Event("updated", "x"))
    assert list(listener.due) == [TOOLS, RESOURCES]


def test_a_listener_that_wants_only_tools_hears_of_no_change() -> None:
    assert not Listener(CALLER, None, hears_tools=True).hears_changes
    assert Listener(CALLER, None, hears_resources=True).hears_changes
    assert Listener(CALLER, None, uris={"a": "a"}).hears_changes


def test_a_listener_tells_all_of_another_if_it_is_told_no_less() -> None:
    repo = RepoId.new()
    other = Caller("h", "h", False, lambda: None)
    wide = Listener(CALLER, None, uris={"a": "a", "b": "b"}, hears_resources=True)
    for narrow in (
        Listener(CALLER, None, uris={"a": "a"}),
        Listener(CALLER, repo, hears_resources=True),
        Listener(CALLER, None, hears_tools=True),
    ):
        assert wide.tells_all_of(narrow)
        assert not narrow.tells_all_of(wide)
    assert not wide.tells_all_of(wide)
    assert not wide.tells_all_of(Listener(CALLER, None, uris={"c": "c"}))
    assert not wide.tells_all_of(Listener(other, None, uris={"a": "a"}))
    assert not Listener(CALLER, repo, hears_resources=True).tells_all_of(Listener(CALLER, None, hears_resources=True))


def test_the_hub_shows_every_repository_and_an_endpoint_its_own() -> None:
    one, two = RepoId.new(), RepoId.new()
    assert Listener(CALLER, None).concerns(one)
    assert [Listener(CALLER, one).concerns(each) for each in (one, two)] == [True, False]


def test_uris_are_known_by_one_spelling_and_are_bounded() -> None:
    assert canonical(["repo-harness://project/a%20b.md", "file:///etc/passwd", "repo-harness://project/../x"]) == {
        "repo-harness://project/a%20b.md": "repo-harness://project/a%20b.md"
    }
    assert canonical(["repo-harness://project/%61.md"]) == {
        "repo-harness://project/a.md": "repo-harness://project/%61.md"
    }
    assert len(canonical(f"repo-harness://project/{number}.md" for number in range(3000))) == MAX_URIS


@pytest.mark.parametrize("meta", [None, [], {"a": 1}, {CURSOR_META_KEY: "x"}, {CURSOR_META_KEY: {"a": 1, 2: "b"}}])
def test_cursors_that_make_no_sense_are_left_out(meta: Any) -> None:
    assert known_cursors({"_meta": meta}) == {}
    assert known_cursors(None) == {}
    assert known_cursors({"_meta": {CURSOR_META_KEY: {"a": "x", "b": 2}}}) == {"a": "x"}


def wire(of: Any) -> Any:
    return of.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_notifications_carry_their_streams_id() -> None:
    meta = {"io.modelcontextprotocol/subscriptionId": 7}
    told = [wire(notification(event, meta)) for event in (TOOLS, RESOURCES, Event("updated", "repo-harness://a/b"))]
    assert [each["method"] for each in told] == [
        "notifications/tools/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
    ]
    assert all(each["params"]["_meta"] == meta for each in told)
    assert told[2]["params"]["uri"] == "repo-harness://a/b"


def test_an_acknowledgement_says_what_is_honored_as_it_was_asked_for() -> None:
    listener = Listener(CALLER, None, uris=canonical(["repo-harness://project/%61.md"]), hears_tools=True)
    honored = wire(acknowledgement(listener, {"io.modelcontextprotocol/subscriptionId": 7}))["params"]["notifications"]
    assert honored == {"toolsListChanged": True, "resourceSubscriptions": ["repo-harness://project/%61.md"]}


def test_a_resource_is_told_whether_its_letters_are_composed_or_not() -> None:
    asked = "repo-harness://project/plans/K%C3%B6ln.md"
    listener = Listener(CALLER, None, uris=canonical([asked]))
    changed = make_batch(SLUG, [entry("plans/Ko\u0308ln.md")])
    assert changed.events(listener, frozenset({"planner"})) == [Event("updated", asked)]
    one = RepoId.new()
    assert listener.topics({"project": one}.get) == [(one, "plans/K\u00f6ln.md")]
