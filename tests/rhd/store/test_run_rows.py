"""Rows of runs."""

from __future__ import annotations

from pathlib import Path

from rhd.store import run_rows as rows
from rhd.store.database import Store
from rhd.store.repo_rows import RepoRow, forget_repo, save_repo
from rhd.store.run_rows import ItemRow, RunRow


def run(number: int, state: str = "done", ended_at: float | None = 5.0, repo_id: str = "a") -> RunRow:
    return RunRow(
        f"run_{number}", repo_id, "codex", "g_1", "ChatGPT", "r1", state, float(number), ended_at, {"n": number}
    )


def store_of(tmp_path: Path) -> Store:
    store = Store.open(str(tmp_path / "db"))
    for repo_id in ("a", "b"):
        row = RepoRow(repo_id, repo_id, repo_id, f"/{repo_id}", "l", b"p", 1.0, *([None, None] if False else (1, 2)))
        store.write_now(lambda c, row=row: save_repo(c, row))  # type: ignore[misc]
    return store


def test_a_run_is_kept_with_what_its_agent_did(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    store.write_now(lambda c: rows.save_run(c, run(1, "running", None)))
    store.write_now(lambda c: rows.save_items(c, "run_1", [ItemRow(1, 1.0, {"kind": "note"}), ItemRow(2, 2.0, {})]))
    store.write_now(lambda c: rows.save_items(c, "run_1", [ItemRow(2, 9.0, {}), ItemRow(3, 3.0, {})]))
    store.write_now(lambda c: rows.save_items(c, "run_9", [ItemRow(1, 1.0, {})]))
    assert [row.id for row in store.read_now(rows.read_unfinished)] == ["run_1"]
    store.write_now(lambda c: rows.save_run(c, run(1)))
    assert store.read_now(lambda c: rows.read_run(c, "run_1")) == run(1)
    assert store.read_now(lambda c: rows.read_run(c, "run_2")) is None
    assert store.read_now(rows.read_unfinished) == []
    after = store.read_now(lambda c: rows.read_items(c, "run_1", after=1))
    assert after == [ItemRow(2, 2.0, {}), ItemRow(3, 3.0, {})]
    assert store.read_now(lambda c: rows.read_items(c, "run_9")) == []


def test_the_newest_are_listed_counted_and_kept(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    for number in range(1, rows.KEEP_RUNS + 6):
        store.write_now(lambda c, n=number: rows.save_run(c, run(n)))  # type: ignore[misc]
    store.write_now(lambda c: rows.save_run(c, run(500, repo_id="b")))
    newest = store.read_now(lambda c: rows.read_runs(c, "a", limit=2))
    assert [row.queued_at for row in newest] == [55.0, 54.0]
    assert store.read_now(lambda c: rows.read_runs(c, limit=1))[0].repo_id == "b"
    assert store.read_now(lambda c: rows.count_runs(c, "a", 0)) == (rows.KEEP_RUNS, 6.0)
    assert store.read_now(lambda c: rows.count_runs(c, "a", 54.5)) == (1, 55.0)
    assert store.read_now(lambda c: rows.count_runs(c, "c", 0)) == (0, None)


def test_forgetting_a_repository_drops_its_runs_and_records_no_more(tmp_path: Path) -> None:
    store = store_of(tmp_path)
    store.write_now(lambda c: rows.save_run(c, run(1)))
    store.write_now(lambda c: rows.save_items(c, "run_1", [ItemRow(1, 1.0, {})]))
    store.write_now(lambda c: forget_repo(c, "a", 9.0))
    store.write_now(lambda c: rows.save_run(c, run(1)))
    assert store.read_now(lambda c: rows.read_runs(c, "a")) == []
    assert store.read_now(lambda c: c.execute("SELECT count(*) FROM run_items").fetchone()) == (0,)
