"""The composition: what is open when, what a reload changes, and that nothing accepted is lost on the way down."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio

from rhd import commandline
from rhd.hosting.readiness import Readiness
from rhd.workflow.artifact_writes import save
from rhd.workflow.catalog import Catalog
from tests.support.attached import attached, told
from tests.support.inprocess import Running, running_daemon
from tests.support.made_grants import connected, grant
from tests.support.repositories import Repository
from tests.support.waiting import until

PRD = "plans/prds/20261101-0900-search.prd.md"


class Told(Readiness):
    """A service manager that notes what it is told, and looks whether it is true."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def _tell(self, *lines: str) -> None:
        self.said += lines


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """A reload sets the level of every logger of ours; it is taken back."""
    ours = logging.getLogger("rhd")
    before = ours.level
    yield
    ours.setLevel(before)


def write_settings(daemon: Running, text: str) -> None:
    Path(daemon.context.config_path).write_text(text)


async def test_the_service_manager_hears_ready_once_both_sockets_serve_and_stopping_before_they_end(
    tmp_path: Path, repository: Repository
) -> None:
    readiness = Told()
    async with running_daemon(tmp_path / "home", readiness=readiness) as daemon:
        assert readiness.said == ["READY=1", f"STATUS=serving 0 repositories on {daemon.url}"]
        assert (await daemon.call("version"))["version"]
        async with httpx2.AsyncClient() as http:
            assert (await http.get(daemon.url + "/health")).status_code == 200
        await daemon.adopt(repository.path)
    assert readiness.said[2:] == ["STOPPING=1", "STATUS=draining"]


async def test_a_reload_takes_over_what_can_change_and_says_when_it_is_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    readiness = Told()
    async with running_daemon(tmp_path / "home", readiness=readiness) as daemon:
        async with httpx2.AsyncClient(base_url=daemon.url) as http:

            async def public(host: str) -> int:
                return (await http.get("/health", headers={"Host": host})).status_code

            assert await public("rh.example.com") == 421
            address = daemon.context.settings.host, daemon.context.settings.port
            write_settings(daemon, 'public_url = "https://rh.example.com"\nlog_level = "error"\nhost = "::1"\n')
            with caplog.at_level(logging.INFO, "rhd.app"):
                await daemon.context.reload()
            assert await public("rh.example.com") == 200
            assert (daemon.context.settings.host, daemon.context.settings.port) == address, "an address needs a restart"
            assert daemon.context.settings.origins["public_url"] == "file"
            assert logging.getLogger("rhd").level == logging.ERROR
            assert readiness.said[2] == "RELOADING=1"
            assert readiness.said[4:] == ["READY=1", f"STATUS=serving 0 repositories on {daemon.url}"]
            write_settings(daemon, "")
            await daemon.context.reload()
            assert await public("rh.example.com") == 421


@pytest.mark.parametrize("text", ["port =", "prot = 1", 'log_level = "loud"', "\x00"])
async def test_a_reload_of_what_cannot_be_used_changes_nothing_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    readiness = Told()
    async with running_daemon(tmp_path / "home", readiness=readiness) as daemon:
        before = daemon.context.settings
        write_settings(daemon, text)
        await daemon.context.reload()
        assert daemon.context.settings is before
        assert readiness.said[-2] == "READY=1"
        assert readiness.said[-1].startswith("STATUS=reload refused: ")
        assert "reload-refused" in caplog.text
        assert (await daemon.call("version"))["version"]


async def test_a_write_in_progress_is_finished_and_recorded_before_the_store_closes(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_end, token = trio.Event(), threading.Event(), trio.lowlevel.current_trio_token()

    def slow(*args: Any, **kwargs: Any) -> Any:
        trio.from_thread.run_sync(began.set, trio_token=token)
        may_end.wait(10)
        return save(*args, **kwargs)

    monkeypatch.setattr("rhd.repos.creates.save", slow)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery, running_daemon(tmp_path / "home") as daemon:
            await daemon.adopt(repository.path)

            async def write() -> None:
                async with attached(daemon, "project") as client:
                    await client.call_tool("write_prd_from_idea", {"title": "Late", "idea": "i"})

            nursery.start_soon(_until_the_end, write)
            await began.wait()
            daemon.context.stop.set()
            await trio.testing.wait_all_tasks_blocked()
            may_end.set()
    (path,) = (repository.path / "plans/prds").glob("*-late.prd.md")
    assert "# Late" in path.read_text()
    with sqlite3.connect(tmp_path / "home/rhd.sqlite3") as connection:
        assert connection.execute("SELECT path FROM writes").fetchall() == [(f"plans/prds/{path.name}",)]
        assert (f"plans/prds/{path.name}",) in list(connection.execute("SELECT path FROM changes"))
        audited = connection.execute("SELECT outcome FROM audit WHERE action = 'write_prd_from_idea'").fetchall()
    connection.close()
    assert audited == [("ok",)]


async def _until_the_end(work: Any) -> None:
    try:
        await work()
    except* Exception:  # the daemon hung up, or answered in time: both are fine
        pass


async def test_a_restart_is_the_same_installation(tmp_path: Path, repository: Repository) -> None:
    """Instance, revisions, cursors, grants, what was started: what clients hold stays good."""
    home = tmp_path / "home"
    async with running_daemon(home) as daemon:
        await daemon.adopt(repository.path)
        await daemon.call("start", repo="project", profile="executor")
        grant_id, token = await grant(daemon, {"project": ["planner"]})
        async with connected(daemon.url + "/mcp", token) as client, httpx2.AsyncClient() as http:
            read = told(await client.call_tool("read_workflow_file", {"path": PRD}))
            cursor = told(await client.call_tool("list_workflow_changes", {}))["cursor"]
            health = (await http.get(daemon.url + "/health")).json()
    repository.write("plans/plan-overnight.md", "# Overnight\n")
    async with running_daemon(home) as daemon:
        await daemon.until_state("project", "ok")
        await daemon.settle("project")
        assert daemon.context.registry.profiles(daemon.service("project").repo.id) == {"planner", "executor"}
        async with connected(daemon.url + "/mcp", token) as client, httpx2.AsyncClient() as http:
            assert told(await client.call_tool("read_workflow_file", {"path": PRD}))["revision"] == read["revision"]
            changes = told(await client.call_tool("list_workflow_changes", {"since": cursor}))
            assert [change["path"] for change in changes["changes"]] == ["plans/plan-overnight.md"]
            assert (await http.get(daemon.url + "/health")).json() == health
        assert [each["id"] for each in (await daemon.call("clients"))["clients"]] == [grant_id]


async def test_a_grant_that_ends_is_followed_to_every_endpoint_and_listener(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_daemon(tmp_path / "home") as daemon:
        await daemon.adopt(repository.path)
        ended: list[str] = []
        edited: list[tuple[str, bool]] = []
        done = trio.Event()

        async def end(grant_id: str) -> None:
            ended.append(grant_id)
            done.set()

        monkeypatch.setattr(daemon.context.endpoints, "end_grant", end)
        monkeypatch.setattr(daemon.context.notifier, "on_grant", lambda i, *, is_ended: edited.append((i, is_ended)))
        grant_id = await daemon.connect_client("project")
        await daemon.call("grant", client=grant_id, repo="project", profile="executor")
        assert edited[-1] == (grant_id, False)
        await daemon.call("revoke", client=grant_id)
        with trio.fail_after(10):
            await done.wait()
        assert ended == [grant_id]


async def test_the_doctor_sees_the_installation_and_every_repository_or_one(
    tmp_path: Path, repository: Repository
) -> None:
    second = Repository.make(tmp_path / "second")
    async with running_daemon(tmp_path / "home") as daemon:
        for each in (repository, second):
            await daemon.adopt(each.path)
        everything = await daemon.context.examine(None)
        assert {finding.repo for finding in everything} == {None, "project", "second"}
        assert "daemon.running" in {finding.id for finding in everything if finding.repo is None}
        one = await daemon.context.examine(daemon.service("second").repo.id)
        assert {finding.repo for finding in one} == {"second"}


async def test_what_fails_at_the_top_closes_the_store_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("rhd.mcpserver.notifier.Notifier.run", fail)
    daemon = running_daemon(tmp_path / "home")
    with trio.fail_after(10), pytest.raises(BaseExceptionGroup):
        await daemon.__aenter__()
    connection = sqlite3.connect(tmp_path / "home/rhd.sqlite3")
    assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    connection.close()


async def test_what_fails_while_a_grant_ends_does_not_end_the_daemon(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(grant_id: str) -> None:
        raise KeyError(grant_id)

    async with running_daemon(tmp_path / "home") as daemon:
        await daemon.adopt(repository.path)
        monkeypatch.setattr(daemon.context.endpoints, "end_grant", fail)
        grant_id = await daemon.connect_client("project")
        await daemon.call("revoke", client=grant_id)
        await until(lambda: "task-failed" in caplog.text)
        assert (await daemon.call("status"))["repos"]


async def test_the_daemon_ends_while_a_file_system_hangs(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look, a read, a look-up by path and an adopt hang; they are released when the daemon has ended."""
    released, refresh = threading.Event(), Catalog.refresh
    entered: set[str] = set()

    def hang(what: str) -> None:
        entered.add(what)
        released.wait(60)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery, running_daemon(tmp_path / "home") as daemon:
            await daemon.adopt(repository.path)
            service = daemon.service("project")

            def hung_refresh(catalog: Catalog, *arguments: Any) -> Any:
                if not released.is_set():
                    hang("look")
                return refresh(catalog, *arguments)

            monkeypatch.setattr(Catalog, "refresh", hung_refresh)
            monkeypatch.setattr("rhd.control.lookup.find_repository", lambda _: hang("look-up"))
            monkeypatch.setattr("rhd.repos.adoption._survey", lambda _: hang("adopt"))
            service.hint(None, "event")
            nursery.start_soon(_until_the_end, partial(service.read, lambda _: hang("read")))
            nursery.start_soon(
                _until_the_end, partial(daemon.call, "status", repo="x", path=f"{repository.path}/plans")
            )
            nursery.start_soon(_until_the_end, partial(daemon.call, "adopt", path="/dead"))
            await until(lambda: entered == {"look", "read", "look-up", "adopt"})
            nursery.start_soon(_cancel_once_stopped, nursery, daemon.context.stop)
    assert not released.is_set()
    released.set()


async def _cancel_once_stopped(nursery: trio.Nursery, stop: trio.Event) -> None:
    await stop.wait()
    nursery.cancel_scope.cancel()


async def test_a_database_that_can_no_longer_be_written_ends_the_daemon_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise sqlite3.DatabaseError("it is gone")

    async def run() -> None:
        async with running_daemon(tmp_path / "home") as daemon:
            monkeypatch.setattr("rhd.store.writer.Writer._commit", damaged)
            daemon.context.store.write_later(lambda _: None)
            await trio.sleep_forever()

    with trio.fail_after(20), pytest.raises(BaseExceptionGroup) as ended:
        await run()
    refusal = commandline._refusal_in(ended.value)
    assert refusal is not None
    assert "can no longer be written: it is gone" in refusal.message
