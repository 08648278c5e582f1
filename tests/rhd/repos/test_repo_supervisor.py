from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.errors import Refusal
from rhd.ids import Cursor, RepoId
from rhd.repos import repo_service as service
from rhd.repos import repo_supervisor as services
from rhd.repos.following import Follower, read_on
from rhd.repos.registry import Repo
from rhd.store.change_rows import read_changes
from rhd.workflow.catalog import Catalog, Refreshed
from tests.support.repositories import Repository
from tests.support.running_repos import running_rooms
from tests.support.waiting import next_changes, until


async def test_there_is_a_service_for_each_adopted_repository_and_for_no_other(tmp_path: Path) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        done = [await rooms.adopt(Repository.make(tmp_path / f"r{n}")) for n in range(3)]
        assert {s.repo.id for s in rooms.services} == {d.repo.id for d in done if d.repo}
        assert done[0].repo is not None
        await rooms.registry.forget(done[0].repo.id)
        assert done[0].repo.id not in {s.repo.id for s in rooms.services}
        with pytest.raises(Refusal) as caught:
            await rooms.services.ready(done[0].repo.id)
        assert caught.value.code == "REPO_NOT_FOUND"
        with pytest.raises(Refusal):
            rooms.services.get(RepoId.new())


async def test_forgetting_disarms_and_stops_the_service(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopt(repository)
        assert done.repo is not None
        await trio.testing.wait_all_tasks_blocked()
        await rooms.registry.forget(done.repo.id)
        with trio.fail_after(5):
            while rooms.hints.mode(done.repo.id) != "off":
                await trio.lowlevel.checkpoint()


async def test_followers_are_poked_by_every_repository(tmp_path: Path) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        repositories = [Repository.make(tmp_path / f"r{n}") for n in range(2)]
        services = [rooms.service(await rooms.adopt(r)) for r in repositories]
        follower = Follower()
        rooms.services.following.follow(follower, [(None, None)])
        before = {service.repo.id: service.changes.cursor.number for service in services}
        for repository, service in zip(repositories, services, strict=True):
            repository.write("plans/new.md", "x\n")
            await service.settle()
        assert follower.behind == before


async def test_adopted_moved_and_forgotten_repositories_are_told(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        log = rooms.service(await rooms.adopt(repository)).changes
        repository.path.rename(tmp_path / "moved")
        await rooms.adopt(tmp_path / "moved")
        await until(lambda: log.last is not None and log.last.change == "moved")
        entries, _ = await read_on(log, 0)
        told = [(entry.path, entry.change) for entry in entries if entry.kind == "repository"]
        assert told == [("", "adopted"), ("", "moved")]
        (repo,) = rooms.registry
        await rooms.registry.forget(repo.id)
        assert log.last is not None
        assert log.last.change == "forgotten"


async def test_numbers_that_were_not_used_are_released_at_the_end(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        cursor = rooms.service(await rooms.adopt(repository)).changes.cursor
    for _ in range(3):
        async with running_rooms(tmp_path / "db") as rooms:
            (service,) = rooms.services
            await until(lambda: service.changes._reserved > cursor.number)  # noqa: B023
            assert service.changes.cursor == cursor


async def test_hundreds_start_in_turn_and_all_answer(tmp_path: Path) -> None:
    template = Repository.make(tmp_path / "r")
    async with running_rooms(tmp_path / "db") as rooms:
        await rooms.adopt(template)
        paths = []
        for number in range(40):
            path = tmp_path / "many" / f"r{number}"
            path.mkdir(parents=True)
            (path / ".git").mkdir()
            (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
            (path / ".git" / "objects").mkdir()
            (path / ".git" / "refs").mkdir()
            (path / "tasks").mkdir()
            (path / "tasks" / "current.md").write_text("# C\n")
            paths.append(path)
        for path in paths:
            await rooms.adopter.adopt(str(path))
    async with running_rooms(tmp_path / "db") as rooms:
        assert len(rooms.registry) == 41
        for repo in rooms.registry:
            assert (await rooms.services.ready(repo.id)).state == "ok"


async def test_repositories_on_a_file_system_that_hangs_keep_no_other_from_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "TURN_S", 0.05)
    # They begin in any order: of so many others one comes after all that hang, but for one time in five hundred.
    names = [f"r{number}" for number in range(services.MAX_OPENING + 8)]
    async with running_rooms(tmp_path / "db") as rooms:
        for name in names:
            await rooms.adopt(Repository.make(tmp_path / name, artifacts=False))
    hung, go_on, opened = set(names[: services.MAX_OPENING]), threading.Event(), service.open_own

    def open_own(repo: Repo) -> Any:
        if repo.slug in hung:
            assert go_on.wait(20)
        return opened(repo)

    monkeypatch.setattr(service, "open_own", open_own)
    async with running_rooms(tmp_path / "db") as rooms:
        try:
            for repo in rooms.registry:
                if repo.slug not in hung:
                    assert (await rooms.services.ready(repo.id)).state == "ok"
            assert {s.state for s in rooms.services if s.repo.slug in hung} == {"opening"}
        finally:
            go_on.set()
        for repo in rooms.registry:
            assert (await rooms.services.ready(repo.id)).state == "ok"


async def test_a_moved_repository_is_watched_where_it_now_is(tmp_path: Path, repository: Repository) -> None:
    """The service of the old place disarms when it ends, which must not leave the new one deaf."""
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopt(repository)
        assert done.repo is not None
        for number in range(3):
            moved = tmp_path / f"moved-{number}"
            repository.path.rename(moved)
            repository = Repository(moved)
            again = await rooms.adopt(repository)
            service = rooms.service(again)
            await until(lambda: rooms.hints.mode(done.repo.id) == "events")
            await trio.testing.wait_all_tasks_blocked(0.01)
            cursor = service.changes.cursor
            repository.write(f"plans/new-{number}.md", "x\n")
            rooms.hints.hint(done.repo.id, {"plans"}, "event")  # type: ignore[attr-defined]
            assert [c.path for c in (await next_changes(service.changes, cursor)).changes] == [f"plans/new-{number}.md"]


async def test_a_service_begins_when_all_before_it_are_over_however_often_it_is_forgotten_meanwhile(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on = threading.Event(), threading.Event()
    refresh = Catalog.refresh

    def hang_once(self: Catalog, *arguments: Any) -> Refreshed:
        if not entered.is_set():
            entered.set()
            assert go_on.wait(20)
        return refresh(self, *arguments)

    async with running_rooms(tmp_path / "db") as rooms, trio.open_nursery() as nursery:
        repo = (await rooms.adopt(repository)).repo
        assert repo is not None
        rooms.services.finish_within_s = 60.0
        monkeypatch.setattr(Catalog, "refresh", hang_once)
        rooms.services.get(repo.id).hint(None, "event")
        assert await trio.to_thread.run_sync(entered.wait, 10)
        await rooms.registry.forget(repo.id)
        await rooms.registry.add(repo.path, repo.name, slug=None, repo_id=repo.id)

        async def be_refused() -> None:
            with pytest.raises(Refusal) as refused:
                await rooms.services.ready(repo.id)
            assert refused.value.code == "REPO_NOT_FOUND"

        with trio.fail_after(10):
            async with trio.open_nursery() as asking:
                asking.start_soon(be_refused)
                await trio.testing.wait_all_tasks_blocked()
                await rooms.registry.forget(repo.id)
        await rooms.registry.add(repo.path, repo.name, slug=None, repo_id=repo.id)
        await trio.testing.wait_all_tasks_blocked(0.01)
        third = rooms.services.get(repo.id)
        assert third.state == "opening", "it has not begun"
        go_on.set()
        assert await rooms.services.ready(repo.id) is third
        await until(lambda: third.watch == "events")
        await trio.testing.wait_all_tasks_blocked(0.01)
        await third.settle()
        cursor = third.changes.cursor
        repository.write("plans/new.md", "x\n")
        rooms.hints.hint(repo.id, {"plans"}, "event")  # type: ignore[attr-defined]
        assert [c.path for c in (await next_changes(third.changes, cursor)).changes] == ["plans/new.md"]
        nursery.cancel_scope.cancel()


async def test_every_log_is_known_at_the_start_though_its_folder_is_away(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        cursor = rooms.service(await rooms.adopt(repository)).changes.cursor
        assert cursor.number > 1
    repository.path.rename(tmp_path / "away")
    async with running_rooms(tmp_path / "db") as rooms:
        (found,) = rooms.services
        assert found.changes.keeps(cursor), "before anything was opened"
        assert (await rooms.services.ready(found.repo.id)).state == "detached"
        since = await found.changes.since(Cursor.make(cursor.log, cursor.number - 1))
        assert (since.reset, since.changes[0].cursor) == (False, cursor)


async def test_the_log_goes_on_where_a_moved_repository_now_is(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        before = rooms.service(await rooms.adopt(repository))
        cursor = before.changes.cursor
        repository.path.rename(tmp_path / "moved")
        Repository(tmp_path / "moved").write("plans/new.md", "x\n")
        after = rooms.service(await rooms.adopt(tmp_path / "moved"))
        assert after is not before
        await after.settle()
        entries, _ = await read_on(before.changes, cursor.number)
        assert "plans/new.md" in [entry.path for entry in entries]


async def test_a_repository_that_takes_too_long_to_open_is_not_waited_for(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        await rooms.adopt(repository)
    go_on = threading.Event()
    monkeypatch.setattr(service, "open_own", lambda _: go_on.wait(20))
    monkeypatch.setattr(services, "READY_WITHIN_S", 0.01)
    async with running_rooms(tmp_path / "db") as rooms:
        (repo,) = rooms.registry
        found = await rooms.services.ready(repo.id)
        assert (found.state, found.problem) == ("opening", None), "which is no problem: it passes"
        with pytest.raises(Refusal) as refused:
            await found.read(lambda _: None)
        assert refused.value.code == "REPO_OPENING"
        go_on.set()


async def test_a_stop_while_a_repository_is_being_opened_tells_of_no_loss(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        cursor = rooms.service(await rooms.adopt(repository)).changes.cursor
    open_own, opening, ending = service.open_own, threading.Event(), threading.Event()

    def open_late(repo: Repo) -> Any:
        opening.set()
        ending.wait(20)
        return open_own(repo)

    class Service(service.RepoService):
        async def _end_when_cancelled(self) -> None:
            try:
                await super()._end_when_cancelled()
            finally:
                ending.set()

    with monkeypatch.context() as patch:
        patch.setattr(service, "open_own", open_late)
        patch.setattr(services, "READY_WITHIN_S", 0.01)
        patch.setattr(services, "RepoService", Service)
        async with running_rooms(tmp_path / "db"):
            await until(opening.is_set)
    async with running_rooms(tmp_path / "db") as rooms:
        (repo,) = rooms.registry
        await until(lambda: rooms.services.get(repo.id).state != "opening")
        found = rooms.services.get(repo.id)
        await found.settle()
        assert (found.state, found.changes.cursor) == ("ok", cursor)


async def test_a_database_that_is_full_delays_no_announcement_and_loses_none(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "RETRY_S", 0.01)
    async with running_rooms(tmp_path / "db") as rooms:
        found = rooms.service(await rooms.adopt(repository))
        await until(lambda: not found.changes.is_pending)
        await rooms.store.write(lambda c: c.execute("ALTER TABLE changes RENAME TO away"))
        repository.write("plans/plan-new.md", "# New\n")
        await found.settle()
        assert found.changes.last is not None
        assert found.changes.last.path == "plans/plan-new.md"
        await until(lambda: found.problem is not None)
        assert found.problem is not None
        assert (found.problem.code, found.state) == ("WRITE_FAILED", "degraded")
        await rooms.store.write(lambda c: c.execute("ALTER TABLE away RENAME TO changes"))
        await until(lambda: found.problem is None)
        number = found.changes.cursor.number
        (stored,) = await rooms.store.read(lambda c: read_changes(c, found.repo.id, number - 1, 10))
        assert stored.path == "plans/plan-new.md"


async def test_a_database_that_is_full_is_tried_again_by_one_and_not_by_each_change(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        found = rooms.service(await rooms.adopt(repository))
        await until(lambda: not found.changes.is_pending)
        await rooms.store.write(lambda c: c.execute("ALTER TABLE changes RENAME TO away"))
        for number in range(10):
            repository.write("plans/plan-new.md", f"# New {number}\n")
            await found.settle()
        await until(lambda: found.problem is not None)
        assert caplog.text.count("changes-unsaved") == 1
        await rooms.store.write(lambda c: c.execute("ALTER TABLE away RENAME TO changes"))
    async with running_rooms(tmp_path / "db") as rooms:
        stored = await rooms.store.read(lambda c: read_changes(c, found.repo.id, 0, 100))
        assert [row.path for row in stored].count("plans/plan-new.md") >= 10, "recorded at the end"


async def test_a_repository_that_is_moved_with_the_folder_above_it_is_found_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhd.repos.moved_folder_check.EVERY_S", 0.05)
    repository = Repository.make(tmp_path / "above" / "r")
    async with running_rooms(tmp_path / "db") as rooms:
        found = rooms.service(await rooms.adopt(repository))
        (tmp_path / "above").rename(tmp_path / "elsewhere")
        await until(lambda: found.state == "detached")
        (tmp_path / "elsewhere").rename(tmp_path / "above")
        await until(lambda: found.state == "ok")
