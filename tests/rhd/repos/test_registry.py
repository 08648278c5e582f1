from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from rhd.errors import Refusal
from rhd.ids import RepoId, Slug
from rhd.repos.registry import AgentRuns, Registry, RegistryChange, digest_passphrase
from rhd.store import repo_rows as rows
from rhd.store.database import Store
from tests.support.stores import running_store


async def test_a_repository_is_known_by_id_slug_path_and_passphrase(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        repo, passphrase = await registry.add("/src/My App", "My App", slug=None)
        other, _ = await registry.add("/src/other", "other", slug=None)
        assert repo.slug == "my-app"
        assert registry.get(repo.id) is registry.by_slug("my-app") is registry.by_path("/src/My App") is repo
        assert registry.by_passphrase(passphrase) is repo
        assert registry.by_passphrase(f" {passphrase}\n") is repo  # as pasted
        assert registry.by_passphrase("wrong") is None
        assert registry.by_path("/src") is None
        assert [r.slug for r in registry] == ["my-app", "other"]
        assert registry.profiles(other.id) == {"planner"}


async def test_around_finds_the_innermost(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        outer, _ = await registry.add("/src/a", "a", slug=None)
        inner, _ = await registry.add("/src/a/sub", "sub", slug=None)
        assert registry.around("/src/a/sub/x") is inner
        assert registry.around("/src/a/subx") is outer
        assert registry.around("/src/ab") is None


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        repo, passphrase = await registry.add("/src/a", "a", slug=None)
        gone, _ = await registry.add("/src/b", "b", slug=None)
        await registry.start(repo.id, "executor", {"x": 1})
        await registry.stop(repo.id, "planner")
        await registry.move(repo.id, "/new/a", (7, 8))
        await registry.forget(gone.id)
        registry.lease(repo.id, "planner")
    again = Registry(Store.open(str(tmp_path / "db")))
    again.load()
    assert [r.path for r in again] == ["/new/a"]
    assert again.by_passphrase(passphrase) == again.get(repo.id)
    assert again.profiles(repo.id) == {"executor"}
    assert again.options(repo.id, "executor") == {"x": 1}


async def test_two_folders_of_one_name_get_two_slugs(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        slugs = [(await registry.add(f"/{i}/app", "app", slug=None))[0].slug for i in range(3)]
        assert slugs == ["app", "app-2", "app-3"]
        with pytest.raises(Refusal) as caught:
            await registry.add("/x", "x", slug=Slug("app"))
        assert caught.value.code == "NAME_TAKEN"
        with pytest.raises(Refusal):
            registry.check_free(Slug("app-2"))
        registry.check_free(Slug("free"))


async def test_a_forgotten_slug_is_free_again(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        before, _ = await registry.add("/a", "named", slug=None)
        await registry.forget(before.id)
        after, _ = await registry.add("/b", "named", slug=None)
        assert (after.slug, after.id == before.id) == ("named", False)


async def test_rotating_kills_the_old_passphrase_at_once_and_with_it_what_goes_along(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        repo, old = await registry.add("/a", "a", slug=None)
        new = await registry.rotate_passphrase(
            repo.id, also=lambda c: c.execute("INSERT INTO meta VALUES ('also', x'00')")
        )
        assert registry.by_passphrase(old) is None
        assert registry.by_passphrase(new) == registry.get(repo.id)
        assert await store.read(lambda c: c.execute("SELECT key FROM meta").fetchall()) == [("also",)]

        def fail(connection: object) -> None:
            raise RuntimeError("no")

        with pytest.raises(RuntimeError):
            await registry.rotate_passphrase(repo.id, also=fail)
        assert registry.by_passphrase(new) == registry.get(repo.id)
        stored = await store.read(lambda c: c.execute("SELECT passphrase FROM repos").fetchone()[0])
        assert stored == digest_passphrase(new)
        assert new.encode() not in (tmp_path / "db").read_bytes() + (tmp_path / "db-wal").read_bytes()


async def test_a_lease_starts_a_profile_until_it_is_given_up(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        repo, _ = await registry.add("/a", "a", slug=None)
        first, second = registry.lease(repo.id, "executor"), registry.lease(repo.id, "executor")
        assert registry.profiles(repo.id) == {"planner", "executor"}
        first()
        first()
        assert registry.profiles(repo.id) == {"planner", "executor"}
        second()
        assert registry.profiles(repo.id) == {"planner"}


async def test_agent_runs_are_enabled_while_the_orchestrator_is_started_or_leased(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        repo, _ = await registry.add("/a", "a", slug=None)
        assert registry.runs_enabled(repo.id) is None
        stored = AgentRuns(("codex",), (), 10.0)
        await registry.start(repo.id, "orchestrator", stored.to_options())
        assert registry.runs_enabled(repo.id) == stored
        end = registry.lease(repo.id, "orchestrator", AgentRuns(("claude", "codex"), ("Bash(pytest *)",), 20.0))
        assert registry.runs_enabled(repo.id) == AgentRuns(("codex", "claude"), ("Bash(pytest *)",), 10.0)
        await registry.stop(repo.id, "orchestrator")
        leased = AgentRuns(("claude", "codex"), ("Bash(pytest *)",), 20.0, is_leased=True)
        assert registry.runs_enabled(repo.id) == leased
        end()
        assert registry.runs_enabled(repo.id) is None
        assert registry.profiles(repo.id) == {"planner"}


async def test_listeners_hear_of_every_change_once_it_is_on_disk(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        heard: list[str] = []
        registry.listen(lambda change: heard.append(f"{change.what} {change.repo.slug}"))
        repo, _ = await registry.add("/a", "a", slug=None)
        await registry.start(repo.id, "executor", {})
        await registry.move(repo.id, "/b")
        await registry.rotate_passphrase(repo.id)
        registry.lease(repo.id, "planner")()
        await registry.forget(repo.id)
    assert heard == ["adopted a", "profiles a", "moved a", "passphrase a", "profiles a", "profiles a", "forgotten a"]


async def test_a_registration_that_the_disk_refuses_is_not_kept(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        heard: list[RegistryChange] = []
        registry.listen(heard.append)
        await store.write(lambda c: c.execute("DROP TABLE started"))
        with pytest.raises(Exception, match="started"):
            await registry.add("/a", "a", slug=None)
        assert list(registry) == []
        assert heard == []
        with trio.fail_after(5):
            await store.write(lambda c: None)


async def test_a_repository_is_visible_once_it_is_on_disk_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        seen: list[int] = []
        write = store.write

        async def watched(change: Any) -> Any:
            seen.append(len(registry))
            result = await write(change)
            seen.append(len(registry))
            return result

        monkeypatch.setattr(store, "write", watched)
        told: list[str] = []
        registry.listen(lambda change: told.append(f"{change.what} {registry.get(change.repo.id) is not None}"))
        await registry.add("/src/a", "a", slug=None)
        assert seen == [0, 0]
        assert told == ["adopted True"]


async def test_a_change_whose_caller_leaves_is_made_on_disk_and_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_store(tmp_path / "db") as store:
        registry, write = Registry(store), store.write
        with trio.CancelScope() as scope:

            async def leave(change: Any) -> Any:
                scope.cancel()
                return await write(change)

            monkeypatch.setattr(store, "write", leave)
            await registry.add("/src/a", "a", slug=None)
        monkeypatch.undo()
        (again,) = await store.read(rows.read_repos)
        assert registry.get(again.id) is not None


@pytest.mark.parametrize("change", ["start", "stop", "move", "rotate", "forget"])
async def test_what_races_with_forgetting_is_refused_in_words(tmp_path: Path, change: str) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        refused: list[str] = []

        async def attempt(repo_id: RepoId) -> None:
            attempts: dict[str, Any] = {
                "start": partial(registry.start, repo_id, "executor", {}),
                "stop": partial(registry.stop, repo_id, "planner"),
                "move": partial(registry.move, repo_id, "/src/b"),
                "rotate": partial(registry.rotate_passphrase, repo_id),
                "forget": partial(registry.forget, repo_id),
            }
            with pytest.raises(Refusal) as caught:
                await attempts[change]()
            refused.append(caught.value.code)

        repo, _ = await registry.add("/src/a", "a", slug=None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(registry.forget, repo.id)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(attempt, repo.id)
        assert refused == ["REPO_NOT_FOUND"]
        assert len(registry) == 0


async def test_a_lease_of_what_was_forgotten_is_refused_in_words(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        with pytest.raises(Refusal) as caught:
            Registry(store).lease(RepoId.new(), "executor")
        assert caught.value.code == "REPO_NOT_FOUND"


async def test_one_id_is_adopted_once_though_two_folders_hold_it(tmp_path: Path) -> None:
    async with running_store(tmp_path / "db") as store:
        registry = Registry(store)
        first, _ = await registry.add("/src/a", "a", slug=None)
        with pytest.raises(Refusal) as caught:
            await registry.add("/src/copy", "copy", slug=None, repo_id=first.id)
        assert caught.value.code == "REPO_BUSY"
        assert registry.get(first.id) is first
