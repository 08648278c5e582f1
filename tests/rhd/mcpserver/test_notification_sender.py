"""What a listener is told, and when that is decided. Real clients of both eras are in test_notifier.py."""

from __future__ import annotations

import pytest
import trio

from rhd.access import Principal
from rhd.ids import RepoId, Slug
from rhd.mcpserver.callers import Caller
from rhd.mcpserver.listeners import RESOURCES, TOOLS, Event, Listener
from rhd.mcpserver.notification_sender import NotificationSender, put_all, put_lists
from rhd.repos.registry import Repo
from tests.support.inprocess import Running

PRD = "plans/prds/20261101-0900-search.prd.md"
PRD_URI = f"repo-harness://project/{PRD}"
CALLER = Caller("g", "g", False, lambda: None)


async def test_what_a_narrowed_grant_no_longer_reaches_is_not_told_though_it_was_noted_before(daemon: Running) -> None:
    repo = daemon.service("project").repo
    todos = "repo-harness://project/tasks/todos.md"  # the executor's, not the planner's
    held = {"planner", "executor"}
    caller = Caller("g", "g", False, lambda: Principal("g", "g", {repo.id: frozenset(held)}))
    listener = Listener(caller, None, uris={uri: uri for uri in (todos, PRD_URI)})
    notifier, changes = daemon.context.notifier, daemon.service("project").changes
    notifier._begin(listener)
    await daemon.context.registry.start(repo.id, "executor", {})
    changes.append([("tasks/todos.md", "task", "modified"), (PRD, "prd", "modified")], via="event")
    number = listener.follower.behind[repo.id]
    told: list[str | None] = []

    async def send(event: Event) -> None:
        told.append(event.uri)

    await notifier._sender._tell_repo(listener, repo.id, number, send)
    assert told == [todos, PRD_URI]
    told.clear()
    held.remove("executor")
    await notifier._sender._tell_repo(listener, repo.id, number, send)
    assert told == [PRD_URI]
    assert listener.follower.behind == {}
    notifier._unfollow(listener)


async def test_what_is_due_is_sent_once_and_what_could_not_be_sent_stays_due(daemon: Running) -> None:
    sender = NotificationSender(daemon.context.registry, daemon.context.services)
    listener = Listener(CALLER, None, hears_tools=True, hears_resources=True)
    put_lists(listener)
    put_lists(listener)
    told: list[Event] = []

    async def send(event: Event) -> None:
        told.append(event)
        if event is RESOURCES:
            raise trio.BrokenResourceError

    with pytest.raises(trio.BrokenResourceError):
        await sender.tell(listener, send, None)
    assert told == [TOOLS, RESOURCES]
    assert list(listener.due) == [RESOURCES]


async def test_a_closed_listener_is_told_what_is_due_and_pinged_no_more(daemon: Running) -> None:
    sender = NotificationSender(daemon.context.registry, daemon.context.services)
    listener = Listener(CALLER, None, hears_tools=True)
    put_lists(listener)
    listener.close()
    listener.is_ping_due = True
    told: list[object] = []

    async def send(event: Event) -> None:
        told.append(event)

    async def ping() -> None:
        told.append("ping")

    with trio.fail_after(5):
        await sender.tell(listener, send, ping)
    assert told == [TOOLS]


def test_after_a_reset_everything_that_was_asked_for_may_have_changed() -> None:
    repo = Repo(RepoId.new(), Slug("project"), "project", "/p", "aaaaaa", b"", 0.0)
    mine, other = "repo-harness://project/plans/a.md", "repo-harness://other/plans/a.md"
    listener = Listener(CALLER, None, uris={mine: mine, other: other}, hears_resources=True)
    put_all(listener, repo)
    assert list(listener.due) == [RESOURCES, Event("updated", mine)]
