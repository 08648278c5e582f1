from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.access import PLANNER
from rhd.errors import Detached, Refusal
from rhd.ids import Cursor
from rhd.rel_path import RelPath
from rhd.repos import owner_thread, repo_service, repo_supervisor
from rhd.repos.following import read_on
from rhd.repos.repo_service import REOPEN_S, RepoService
from rhd.watch.sources import make_source
from rhd.workflow.catalog import Catalog, Refreshed
from rhd.workflow.root import Root
from tests.support.hints import FakeHints
from tests.support.repositories import Repository
from tests.support.running_repos import running_rooms
from tests.support.waiting import next_changes, until

PLAN = RelPath("plans/prds/20261101-0900-search.prd.md")
PLAN2 = RelPath("plans/prds/b.prd.md")


def read_plan(root: Root) -> bytes:
    return root.read(PLAN, PLANNER.reach, 1 << 20)[0]


async def announced(service: RepoService, since: Cursor) -> list[tuple[str, str]]:
    found = await service.changes.since(since)
    assert not found.reset
    return [(c.change, c.path) for c in found.changes]


async def test_a_hint_leads_to_a_look_and_the_change_is_announced(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        assert isinstance(rooms.hints, FakeHints)
        await until(lambda: "plans/prds" in rooms.hints.roots[service.repo.id].folders)  # type: ignore[attr-defined]
        await service.settle()  # the looks that follow the arming would find it, too
        cursor = service.changes.cursor
        repository.write("plans/plan-new.md", "# New\n")
        rooms.hints.hint(service.repo.id, {"plans"}, "event")
        assert [c.path for c in (await next_changes(service.changes, cursor)).changes] == ["plans/plan-new.md"]
        assert service.changes.last is not None
        assert service.changes.last.via == "event"
        assert service.artifacts[RelPath("plans/plan-new.md")].title == "New"


async def test_what_is_found_is_said_to_have_been_noticed_by_the_first_hint(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        await until(lambda: service.watch == "events")
        await trio.testing.wait_all_tasks_blocked(0.01)
        cursor = service.changes.cursor
        repository.write("plans/plan-new.md", "# New\n")
        for via in ("poll", "event"):
            service.hint(frozenset({"plans"}), via)
        assert [c.via for c in (await next_changes(service.changes, cursor)).changes] == ["poll"]


async def test_what_a_second_look_finds_was_noticed_as_changes_are_here_and_not_by_why_the_first_was_made(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh, looks = Catalog.refresh, 0

    def look_again(self: Catalog, *arguments: Any) -> Refreshed:
        nonlocal looks
        found = refresh(self, *arguments)
        looks += 1
        if looks == 1:  # a file whose content is younger than its time can tell
            repository.write("plans/plan-new.md", "# New\n")
            return replace(found, again=frozenset({"plans"}), again_after_s=0.0)
        return found

    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        await until(lambda: service.watch == "events")
        await trio.testing.wait_all_tasks_blocked(0.01)
        cursor = service.changes.cursor
        monkeypatch.setattr(Catalog, "refresh", look_again)
        service.hint(frozenset({"plans"}), "restart")
        assert [c.via for c in (await next_changes(service.changes, cursor)).changes] == ["event"]


async def test_folders_are_armed_until_a_look_finds_no_new_ones(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        assert isinstance(rooms.hints, FakeHints)
        await until(lambda: "plans/prds" in rooms.hints.roots[service.repo.id].folders)  # type: ignore[attr-defined]
        cursor = service.changes.cursor
        repository.write("plans/a/b/c/deep.md", "x\n")
        rooms.hints.hint(service.repo.id, {"plans"}, "event")
        await next_changes(service.changes, cursor)
        await until(lambda: "plans/a/b/c" in rooms.hints.roots[service.repo.id].folders)  # type: ignore[attr-defined]


async def test_the_real_watcher_notices_by_itself(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db", make_source("auto")) as rooms:
        service = rooms.service(await rooms.adopt(repository))
        await until(lambda: service.watch == "events")
        cursor = service.changes.cursor
        repository.write("plans/sub/folder/new.md", "# New\n")
        assert [c.path for c in (await next_changes(service.changes, cursor)).changes] == ["plans/sub/folder/new.md"]


async def test_what_changed_while_the_daemon_was_down_is_announced_once(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        cursor = rooms.service(await rooms.adopt(repository)).changes.cursor
    repository.write("plans/plan-new.md", "# New\n")
    (repository.path / PLAN).unlink()
    repository.write("tasks/current.md", repository.read("tasks/current.md"))  # touched, but equal
    expected = [("added", "plans/plan-new.md"), ("removed", str(PLAN))]
    async with running_rooms(tmp_path / "db") as rooms:
        (repo,) = rooms.registry
        service = await rooms.services.ready(repo.id)
        await service.settle()
        assert sorted(await announced(service, cursor)) == sorted(expected)
    async with running_rooms(tmp_path / "db") as rooms:
        service = await rooms.services.ready(repo.id)
        await service.settle()
        assert sorted(await announced(service, cursor)) == sorted(expected)


async def test_before_the_look_the_catalog_answers_from_what_was_stored(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        await rooms.adopt(repository)
    async with running_rooms(tmp_path / "db") as rooms:
        (repo,) = rooms.registry
        assert (await rooms.services.ready(repo.id)).artifacts[PLAN].title == "Search"


async def test_writes_run_one_at_a_time_and_are_one_change(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        cursor = service.changes.cursor
        running = 0
        most = 0

        def job(number: int) -> Callable[[Root], None]:
            def write(root: Root) -> None:
                nonlocal running, most
                running += 1
                most = max(most, running)
                root.create(RelPath(f"plans/prds/n{number}.prd.md"), PLANNER.reach, b"# N\n")
                running -= 1

            return write

        async def one(number: int) -> None:
            await service.write(job(number), written=PLAN2)

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(one, number)
        assert most == 1
        await service.settle()
        assert sorted(await announced(service, cursor)) == [("added", f"plans/prds/n{n}.prd.md") for n in range(8)]


async def test_a_write_is_finished_though_its_request_is_cancelled(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        entered, go_on = trio.Event(), threading.Event()
        token = trio.lowlevel.current_trio_token()

        def write(root: Root) -> None:
            trio.from_thread.run_sync(entered.set, trio_token=token)
            assert go_on.wait(10)
            root.create(RelPath("plans/prds/late.prd.md"), PLANNER.reach, b"# Late\n")

        cursor = service.changes.cursor
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def request() -> None:
                    await service.write(write, written=PLAN2)

                nursery.start_soon(request)
                with trio.fail_after(10):
                    await entered.wait()
                scope.cancel()
        assert not (repository.path / "plans/prds/late.prd.md").exists()
        go_on.set()
        assert [c.path for c in (await next_changes(service.changes, cursor)).changes] == ["plans/prds/late.prd.md"]


async def test_stopping_waits_for_the_write_in_progress(tmp_path: Path, repository: Repository) -> None:
    go_on = threading.Event()
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        entered, token = trio.Event(), trio.lowlevel.current_trio_token()

        def write(root: Root) -> None:
            trio.from_thread.run_sync(entered.set, trio_token=token)
            assert go_on.wait(10)
            root.create(RelPath("plans/prds/late.prd.md"), PLANNER.reach, b"# Late\n")

        async def request() -> None:
            await service.write(write, written=PLAN2)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(request)
            with trio.fail_after(10):
                await entered.wait()
            nursery.cancel_scope.cancel()
        threading.Timer(0.05, go_on.set).start()
    assert (repository.path / "plans/prds/late.prd.md").read_bytes() == b"# Late\n"


async def test_a_moved_repository_is_detached_with_a_next_step_and_comes_back(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        done = await rooms.adopt(repository)
        service = rooms.service(done)
        repository.path.rename(tmp_path / "away")
        with pytest.raises(Detached):
            await service.read(read_plan)
        await until(lambda: service.state == "detached")
        assert service.problem is not None
        assert service.problem.code == "REPO_DETACHED"
        assert "adopt" in service.problem.next_step
        assert service.watch == "off"
        with pytest.raises(Detached):
            _ = service.artifacts
        (tmp_path / "away").rename(repository.path)
        service.reopen_now()
        await until(lambda: service.state == "ok")
        assert await service.read(read_plan) == repository.read(PLAN).encode()


async def test_a_detached_repository_is_looked_for_as_often_as_ever(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert REOPEN_S <= 1.0, "so that what comes back is served within two seconds"
    monkeypatch.setattr("rhd.repos.repo_service.REOPEN_S", 0.001)
    looks = 0

    def look(_: object) -> None:
        nonlocal looks
        looks += 1
        raise Detached("it is away")

    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        with monkeypatch.context() as patch:
            patch.setattr("rhd.repos.repo_service.open_own", look)
            service._lose(service._root)
            await until(lambda: looks > 20)
            assert service.state == "detached"
        await until(lambda: service.state == "ok")


async def test_a_repository_that_was_replaced_while_the_daemon_was_down_is_not_served(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        await rooms.adopt(repository)
    repository.path.rename(tmp_path / "away")
    Repository.make(repository.path)
    async with running_rooms(tmp_path / "db") as rooms:
        (repo,) = rooms.registry
        service = await rooms.services.ready(repo.id)
        assert service.state == "detached"
        with pytest.raises(Detached):
            await service.read(read_plan)


async def _looks(service: RepoService, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Have an unusable repository looked at again so many times, and come to an end each time."""
    seen = 0
    real = RepoService._close

    def counted(self: RepoService) -> None:
        nonlocal seen
        real(self)
        seen += self is service

    with monkeypatch.context() as patch:
        patch.setattr(RepoService, "_close", counted)
        for number in range(times):
            service.reopen_now()
            await until(lambda n=number: seen > n)


@pytest.mark.parametrize("what", ["no id", "another id", "an id that cannot be read", "a sweep that fails"])
async def test_looking_again_and_again_leaves_no_descriptor_open(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def fail(_: Root) -> int:
        raise RuntimeError("not today")

    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        folder = repository.path / ".repo-harness"
        folder.rename(tmp_path / "aside")
        match what:
            case "another id":
                repository.write(".repo-harness/id", "another\n")
            case "an id that cannot be read":
                repository.write(".repo-harness/id/x", "")
            case "a sweep that fails":
                (tmp_path / "aside").rename(folder)
                monkeypatch.setattr(Root, "sweep", fail)
        service._lose(service._root)
        await until(lambda: service.state != "ok")
        await _looks(service, monkeypatch, 2)  # threads and the store's connections are there from now on
        before = len(os.listdir("/proc/self/fd"))
        await _looks(service, monkeypatch, 10)
        await until(lambda: len(os.listdir("/proc/self/fd")) == before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
async def test_a_repository_that_cannot_be_opened_is_broken(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        await rooms.adopt(repository)
    repository.path.chmod(0)
    async with running_rooms(tmp_path / "db") as rooms:
        (repo,) = rooms.registry
        assert (await rooms.services.ready(repo.id)).state == "broken"


async def test_one_broken_repository_harms_no_other(tmp_path: Path) -> None:
    repositories = [Repository.make(tmp_path / f"r{n}") for n in range(4)]
    async with running_rooms(tmp_path / "db") as rooms:
        services = [rooms.service(await rooms.adopt(r)) for r in repositories]
        repositories[0].path.rename(tmp_path / "gone")
        with pytest.raises(Detached):
            await services[0].read(read_plan)
        for service in services[1:]:
            assert await service.read(read_plan)
            assert service.state == "ok"


async def test_a_hung_file_system_takes_this_repositorys_threads_alone(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository.make(tmp_path / "other")
    monkeypatch.setattr("rhd.repos.repo_service.READ_WITHIN_S", 0.2)
    release = threading.Event()

    def hang(root: Root) -> None:
        release.wait(30)

    async with running_rooms(tmp_path / "db") as rooms:
        hung, fine = rooms.service(await rooms.adopt(repository)), rooms.service(await rooms.adopt(other))
        refused = 0

        async def read() -> None:
            nonlocal refused
            with pytest.raises(Refusal) as caught:
                await hung.read(hang)
            refused += caught.value.code == "TIMEOUT"

        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(read)
            with trio.fail_after(5):
                assert await fine.read(read_plan)
        release.set()
        assert refused == 12


async def test_what_a_killed_process_left_behind_is_swept_at_the_start(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        await rooms.adopt(repository)
    left = repository.write("plans/prds/.rh-abcdefgh2345.tmp", "half")
    async with running_rooms(tmp_path / "db") as rooms:
        (repo,) = rooms.registry
        await rooms.services.ready(repo.id)
        assert not left.exists()


# -- a file system that hangs: every test but the first releases it only when the daemon has ended ---------------


@dataclass
class Hang:
    """Calls that hang from `begin` until `release`, and return then."""

    entered: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def __call__(self, root: Root) -> None:
        self.entered.set()
        self.released.wait(60)

    async def begin(self, service: RepoService, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the next look at the repository hang, and return when it does."""
        refresh = Catalog.refresh

        def hang(catalog: Catalog, *arguments: Any) -> Refreshed:
            if catalog is service._catalog and not self.released.is_set():
                self.entered.set()
                self.released.wait(60)
            return refresh(catalog, *arguments)

        monkeypatch.setattr(Catalog, "refresh", hang)
        service.hint(None, "event")
        assert await trio.to_thread.run_sync(self.entered.wait, 10)


async def test_a_write_that_hangs_is_given_up_its_repository_writes_no_more_and_its_late_result_is_found(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hang = Hang()

    def write_late(root: Root) -> None:
        hang(root)
        root.create(RelPath("plans/prds/late.prd.md"), PLANNER.reach, b"# Late\n")

    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        cursor = service.changes.cursor
        monkeypatch.setattr(owner_thread, "HANGS_AFTER_S", 0.1)
        refused: dict[str, str] = {}

        async def write(name: str, job: Callable[[Root], None]) -> None:
            with pytest.raises(Refusal) as caught:
                await service.write(job, written=PLAN2)
            refused[name] = caught.value.code

        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write, "the one that hangs", write_late)
                await trio.to_thread.run_sync(hang.entered.wait)
                nursery.start_soon(write, "the one that waits", lambda _: None)
            await write("the one that comes later", lambda _: None)
            assert await service.read(read_plan), "reads go on"
        assert refused == {
            "the one that hangs": "TIMEOUT",
            "the one that waits": "REPO_BUSY",
            "the one that comes later": "REPO_BUSY",
        }
        assert (service.state, service.problem and service.problem.code) == ("degraded", "TIMEOUT")
        repository.write("plans/plan-meanwhile.md", "# Meanwhile\n")
        monkeypatch.undo()  # a machine that is busy is no file system that hangs
        hang.released.set()
        await until(lambda: service.state == "ok")
        await service.settle()
        assert sorted(await announced(service, cursor)) == [
            ("added", "plans/plan-meanwhile.md"),
            ("added", "plans/prds/late.prd.md"),
        ]
        assert "repo-hangs" in caplog.text
        assert "repo-answers-again" in caplog.text


@pytest.mark.parametrize("what", ["a look", "a write", "an opening", "a read"])
async def test_the_end_does_not_wait_for_what_hangs(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(repo_supervisor, "FINISH_WITHIN_S", 0.1)
    hang = Hang()
    with trio.fail_after(20):
        async with running_rooms(tmp_path / "db") as rooms:
            await rooms.adopt(repository)
        if what == "an opening":
            monkeypatch.setattr(repo_service, "open_own", hang)
        async with running_rooms(tmp_path / "db") as rooms, trio.open_nursery() as nursery:
            (service,) = rooms.services
            if what == "an opening":
                await trio.to_thread.run_sync(hang.entered.wait)
            else:
                await rooms.services.ready(service.repo.id)
            if what == "a look":
                await hang.begin(service, monkeypatch)
            elif what == "a write":
                nursery.start_soon(partial(service.write, hang, written=None))
            elif what == "a read":
                nursery.start_soon(service.read, hang)
            assert await trio.to_thread.run_sync(hang.entered.wait, 10)
            nursery.cancel_scope.cancel()
    assert not hang.released.is_set()
    hang.released.set()


async def test_a_look_that_hangs_harms_no_other_repository(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repo_supervisor, "FINISH_WITHIN_S", 0.1)
    other, hang = Repository.make(tmp_path / "other"), Hang()
    with trio.fail_after(20):
        async with running_rooms(tmp_path / "db") as rooms:
            hung, fine = rooms.service(await rooms.adopt(repository)), rooms.service(await rooms.adopt(other))
            with monkeypatch.context() as patch:
                patch.setattr(owner_thread, "HANGS_AFTER_S", 0.1)
                await hang.begin(hung, monkeypatch)
                await until(lambda: hung.state == "degraded")
            await fine.settle()
            await fine.write(lambda root: root.create(PLAN2, PLANNER.reach, b"# B\n"), written=PLAN2)
            assert fine.artifacts[PLAN2].title == "B"
            assert (await rooms.adopt(Repository.make(tmp_path / "third"))).outcome == "adopted"
            await rooms.registry.forget(hung.repo.id)
            again = await rooms.adopter.adopt(str(repository.path))
            assert again.repo is not None
            assert (await rooms.services.ready(again.repo.id)).is_served, "with a new service, though the old one hangs"
    assert not hang.released.is_set()
    hang.released.set()


async def test_more_than_the_queue_holds_is_refused_at_once(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repo_supervisor, "FINISH_WITHIN_S", 0.1)
    hang = Hang()
    with trio.fail_after(20):
        async with running_rooms(tmp_path / "db") as rooms, trio.open_nursery() as nursery:
            service = rooms.service(await rooms.adopt(repository))
            for _ in range(1 + repo_service.MAX_JOBS):
                nursery.start_soon(partial(service.write, hang, written=None))
                await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(Refusal) as refused:
                await service.write(hang, written=None)
            assert refused.value.code == "REPO_BUSY"
            nursery.cancel_scope.cancel()
    hang.released.set()


async def test_a_job_never_waits_for_a_job(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        with pytest.raises(RuntimeError, match="must not wait"), trio.fail_after(10):
            await service.submit(service.settle)


async def test_a_write_is_made_though_the_look_after_it_fails(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh, failed = Catalog.refresh, 0

    def fail_once(self: Catalog, *arguments: Any) -> Refreshed:
        nonlocal failed
        if not failed:
            failed += 1
            raise RuntimeError("not today")
        return refresh(self, *arguments)

    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        cursor = service.changes.cursor
        monkeypatch.setattr(Catalog, "refresh", fail_once)
        await service.write(lambda root: root.create(PLAN2, PLANNER.reach, b"# B\n"), written=PLAN2)
        assert [c.path for c in (await next_changes(service.changes, cursor)).changes] == [PLAN2]
        assert service.state == "ok"


async def test_a_problem_that_is_raised_again_and_again_keeps_no_frames(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        repository.path.rename(tmp_path / "away")
        with pytest.raises(Detached):
            await service.read(read_plan)
        await until(lambda: service.state == "detached")
        for _ in range(100):
            with pytest.raises(Detached) as raised:
                _ = service.artifacts
            assert len(raised.traceback) == 3


async def told(service: RepoService, since: Cursor) -> list[tuple[str, str, str, str | None]]:
    entries, is_reset = await read_on(service.changes, since.number)
    assert not is_reset
    return [(entry.path or entry.kind, entry.change, entry.via, entry.by) for entry in entries]


@pytest.mark.parametrize("is_linked", [False, True])
async def test_a_branch_switch_is_gits_and_the_line_that_says_so_follows(
    tmp_path: Path, repository: Repository, is_linked: bool
) -> None:
    repository.git("checkout", "-q", "-b", "other")
    for number in range(50):
        repository.write(f"plans/prds/{number}.md", "x\n")
    repository.commit("many")
    repository.git("checkout", "-q", "main")
    if is_linked:
        repository.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
        repository = Repository(tmp_path / "linked")
    async with running_rooms(tmp_path / "db", make_source("auto")) as rooms:
        service = rooms.service(await rooms.adopt(repository))
        cursor = service.changes.cursor
        await trio.to_thread.run_sync(lambda: repository.git("checkout", "-q", "other"))
        await until(lambda: service.changes.last is not None and service.changes.last.change == "branch")
        lines = await told(service, cursor)
        assert lines[-1] == ("repository", "branch", "git", None)
        assert len(lines) == 51, [line for line in lines if line[1] != "added"]
        assert {(change, via, by) for _, change, via, by in lines[:-1]} == {("added", "git", None)}
        cursor = service.changes.cursor
        repository.put("plans/plan-mine.md", "# Mine\n")
        await until(lambda: service.changes.cursor != cursor)
        assert await told(service, cursor) == [("plans/plan-mine.md", "added", "event", None)]


async def test_what_a_client_writes_has_its_name_and_what_lies_beside_it_has_not(
    tmp_path: Path, repository: Repository
) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        cursor = service.changes.cursor

        def job(root: Root) -> None:
            root.create(PLAN2, PLANNER.reach, b"# B\n")
            repository.write("plans/prds/beside.md", "x\n")

        await service.write(job, written=PLAN2, by="ChatGPT")
        assert sorted(await told(service, cursor)) == [
            (str(PLAN2), "added", "write", "ChatGPT"),
            ("plans/prds/beside.md", "added", "event", None),
        ]


async def test_a_repository_that_goes_and_comes_back_is_told_once_each(tmp_path: Path, repository: Repository) -> None:
    async with running_rooms(tmp_path / "db") as rooms:
        service = rooms.service(await rooms.adopt(repository))
        cursor = service.changes.cursor
        repository.path.rename(tmp_path / "away")
        service.hint(None, "event")
        await until(lambda: service.state == "detached")
        service.reopen_now()
        service.reopen_now()
        (tmp_path / "away").rename(repository.path)
        service.reopen_now()
        await until(lambda: service.changes.last is not None and service.changes.last.change == "restored")
        lines = await told(service, cursor)
        assert [change for path, change, *_ in lines if path == "repository"] == ["lost", "restored"]
