"""rhd.workflow.artifacts: what goes in comes out, through the store and back, in little memory."""

from __future__ import annotations

import gc
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.access import PROFILES
from rhd.rel_path import RelPath
from rhd.store.change_rows import ArtifactRow
from rhd.workflow.artifacts import Artifact, Artifacts
from rhd.workflow.outline import MAX_STATUS, MAX_TITLE, Outline
from rhd.workflow.reach import may_read
from rhd.workflow.revisions import version_digest, version_of

KEY = b"k" * 32
SIGNATURE = (7, 4096, 1_700_000_000_123_456_789, 1_700_000_000_987_654_321)


NOTHING = Outline()


def make(path: str, outline: Outline = NOTHING, signature: tuple[int, int, int, int] = SIGNATURE) -> Artifact:
    return Artifact(path, signature, version_digest(KEY, path.encode()), outline)


def test_everything_that_was_read_is_told() -> None:
    one = make("plans/sprints/a.sprint.md", Outline("Suche 计划", "Executing", (3, 7)))
    assert (one.path, one.name, one.kind) == ("plans/sprints/a.sprint.md", "a.sprint.md", "sprint")
    assert (one.title, one.status, one.done, one.total) == ("Suche 计划", "Executing", 3, 7)
    assert (one.size_bytes, one.modified_ns, one.signature) == (4096, SIGNATURE[2], SIGNATURE)
    assert one.version == version_of(KEY, b"plans/sprints/a.sprint.md")
    assert isinstance(one.path, RelPath)


def test_what_says_nothing_of_itself_is_called_by_its_name() -> None:
    one = make("plans/prds/a b.md")
    assert (one.title, one.status, one.done, one.total) == ("a b.md", None, None, None)


@pytest.mark.parametrize(
    "path", ["AGENTS.md", "tasks/todos.md", "tasks/current.md", ".ai/harness/policy.json", "plans/a.md", "plans/.env"]
)
def test_its_readers_are_those_whose_reach_says_so(path: str) -> None:
    for name, profile in PROFILES.items():
        assert bool(Artifacts([make(path)]).readable_by([name])) == may_read(profile.reach, path)
    assert Artifacts([make(path)]).readable_by([]) == []
    is_readable = any(may_read(p.reach, path) for p in PROFILES.values())
    assert bool(Artifacts([make(path)]).readable_by(list(PROFILES))) == is_readable


def test_a_catalog_tells_what_a_reader_may_see() -> None:
    catalog = Artifacts(make(path) for path in ("tasks/todos.md", "plans/a.md", "plans/.env", "AGENTS.md"))
    for readers in ([], ["planner"], ["executor"], ["executor", "planner"], ["orchestrator", "executor"]):
        seen = catalog.readable_by(readers)
        reaches = [PROFILES[name].reach for name in readers]
        assert seen == [artifact for artifact in catalog.all() if any(may_read(r, artifact.path) for r in reaches)]
    assert [a.path for a in catalog.readable_by(["planner"])] == ["AGENTS.md", "plans/a.md"]


_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
_outlines = st.builds(
    Outline,
    st.none() | _text.map(lambda t: t[:MAX_TITLE]),
    st.none() | _text.map(lambda t: t[:MAX_STATUS]),
    st.none() | st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
)
_signatures = st.tuples(
    st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(-1, 2**63 - 1)
)


@given(_outlines, _signatures)
def test_the_store_gives_back_what_it_was_given(outline: Outline, signature: tuple[int, int, int, int]) -> None:
    one = make("plans/sprints/a.md", outline, signature)
    back = Artifact.from_row(one.row())
    assert back == one
    assert back is not None
    assert back.outline == outline
    assert back.signature == signature


@pytest.mark.parametrize(
    ("signature", "facts"),
    [
        ("", "{}"),
        ("1.2.3", '{"version":"aaaaaaaaaaaa"}'),
        ("1.2.3.x", '{"version":"aaaaaaaaaaaa"}'),
        ("-1.2.3.4", '{"version":"aaaaaaaaaaaa"}'),
        (f"{2**64:x}.2.3.4", '{"version":"aaaaaaaaaaaa"}'),
        ("1.2.3.4", ""),
        ("1.2.3.4", "[]"),
        ("1.2.3.4", "{}"),
        ("1.2.3.4", '{"version":1}'),
        ("1.2.3.4", '{"version":"a"}'),
        ("1.2.3.4", '{"version":"aaaaaaaaaaaa","title":3}'),
        ("1.2.3.4", '{"version":"aaaaaaaaaaaa","cards":[1]}'),
        ("1.2.3.4", '{"version":"aaaaaaaaaaaa","cards":[1,99999]}'),
    ],
)
def test_a_row_that_makes_no_sense_is_no_artifact(signature: str, facts: str) -> None:
    assert Artifact.from_row(ArtifactRow("plans/a.md", signature, facts)) is None


def test_a_row_of_a_newer_version_with_more_facts_is_understood() -> None:
    one = Artifact.from_row(
        ArtifactRow("plans/a.md", "1.2.3.4", '{"version":"aaaaaaaaaaaa","title":"T","more":{"x":1}}')
    )
    assert one is not None
    assert one.title == "T"


@given(st.sets(_text, max_size=30), _text)
def test_the_mapping_is_one_and_in_order(names: set[str], other: str) -> None:
    paths = {f"plans/{name}" for name in names}
    artifacts = Artifacts(map(make, paths))
    assert list(artifacts) == sorted(paths)
    assert len(artifacts) == len(paths)
    assert [artifact.path for artifact in artifacts.all()] == sorted(paths)
    assert all(artifacts[path].path == path for path in paths)
    assert (f"plans/{other}" in artifacts) == (other in names)
    with pytest.raises(KeyError):
        artifacts["nothing"]


def test_an_artifact_takes_at_most_300_bytes_its_path_and_title_included() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        artifacts = Artifacts(
            make(f"plans/prds/20261101-{n:04}-search.prd.md", Outline(f"Search of artifacts {n}", "Draft", (1, 2)))
            for n in range(1000)
        )
        gc.collect()
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(artifacts) == 1000
    assert used_bytes / 1000 <= 300


def test_what_is_newest_is_told_by_a_time_that_is_not_in_the_future() -> None:
    """A file from a machine whose clock is ahead would be the newest for years."""
    now = time.time_ns()
    ahead, usual = now + 10**18, now - 10**9
    kept = Artifact("plans/a.md", (1, 1, ahead, 1), b"A" * 9, Outline("Title", "Draft", None))
    assert now - 10**8 < kept.recency_ns <= time.time_ns()
    assert (kept.modified_ns, kept.outline) == (ahead, Outline("Title", "Draft", None))
    assert Artifact("plans/a.md", (1, 1, usual, 1), b"A" * 9, Outline("Title")).recency_ns == usual
    again = Artifact.from_row(kept.row())
    assert again == kept, "as it was when it was read, not when the daemon began"
    assert again is not None
    assert again.recency_ns == kept.recency_ns
