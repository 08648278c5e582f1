"""rhd.workflow.listing: newest first, fair to each kind, nothing left out, nothing twice."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhd.access import EXECUTOR
from rhd.errors import Refusal
from rhd.workflow.artifacts import Artifact, Artifacts
from rhd.workflow.kinds import KINDS
from rhd.workflow.listing import DEFAULT_LIMIT, MAX_LIMIT, ListPage, list_page
from rhd.workflow.outline import Outline
from rhd.workflow.reach import may_read
from rhd.workflow.revisions import version_digest

FOLDERS = (
    "plans/prds",
    "plans/sprints",
    "plans",
    "tasks/notes",
    "tasks/reviews",
    ".ai/harness/handoff",
    "tasks/archive",
)


def make(path: str, modified: int, title: str | None = None) -> Artifact:
    return Artifact(path, (1, 1, modified, modified), version_digest(b"k", path.encode()), Outline(title))


def pages(artifacts: Artifacts, **asked: Any) -> list[ListPage]:
    found = [list_page(artifacts, **asked)]
    while found[-1].next_cursor is not None:
        found.append(list_page(artifacts, cursor=found[-1].next_cursor, **asked))
        assert len(found) < 1000
    return found


_artifacts = st.dictionaries(
    st.tuples(st.sampled_from(FOLDERS), st.integers(0, 60)).map(lambda t: f"{t[0]}/{t[1]}.md"),
    st.integers(0, 9),
    max_size=60,
).map(lambda paths: Artifacts(make(path, modified) for path, modified in paths.items()))


@settings(max_examples=60)
@given(_artifacts, st.integers(1, 20), st.none() | st.sampled_from(KINDS))
def test_every_artifact_is_on_exactly_one_page(artifacts: Artifacts, limit: int, kind: str | None) -> None:
    wanted = [a for a in artifacts.all() if may_read(EXECUTOR.reach, a.path) and kind in (None, a.kind)]
    found = pages(artifacts, readable=["executor"], kind=kind, limit=limit)
    given = [artifact for page in found for artifact in page.artifacts]
    assert sorted(a.path for a in given) == [a.path for a in wanted]
    assert all(page.total == len(wanted) for page in found)
    assert all(len(page.artifacts) == limit for page in found[:-1])
    for page in found:
        ages = [(a.modified_ns, a.path) for a in page.artifacts]
        assert ages == sorted(ages, reverse=True)
    if kind is not None:
        ages = [(a.modified_ns, a.path) for a in given]
        assert ages == sorted(ages, reverse=True), "of one kind, newest first over all pages"


def test_many_files_of_one_kind_push_no_other_kind_off_the_first_page() -> None:
    notes = [make(f"tasks/notes/{number}.md", 1000 + number) for number in range(500)]
    others = [
        make("plans/prds/a.md", 5),
        make("plans/prds/b.md", 4),
        make("plans/sprints/a.md", 3),
        make("plans/p.md", 2),
    ]
    page = list_page(Artifacts([*notes, *others]), readable=["planner"])
    assert len(page.artifacts) == DEFAULT_LIMIT
    assert page.total == 504
    assert {a.path for a in others} <= {a.path for a in page.artifacts}
    assert [a.path for a in page.artifacts[:2]] == ["tasks/notes/499.md", "tasks/notes/498.md"]


@settings(max_examples=40)
@given(_artifacts, st.integers(1, 9), st.randoms(use_true_random=False))
def test_what_stays_as_it_is_is_given_out_whatever_happens_between_pages(
    artifacts: Artifacts, limit: int, rng: random.Random
) -> None:
    now = {a.path: a.modified_ns for a in artifacts.all()}
    untouched, given = set(now), []
    cursor = None
    for step in range(70):
        page = list_page(
            Artifacts(make(*item) for item in now.items()), readable=["executor"], limit=limit, cursor=cursor
        )
        given += [a.path for a in page.artifacts]
        cursor = page.next_cursor
        if cursor is None:
            break
        now[f"{rng.choice(FOLDERS)}/new{step}.md"] = 100 + step
        changed = rng.choice(sorted(now))
        untouched.discard(changed)
        if rng.random() < 0.5:
            del now[changed]
        else:
            now[changed] = 200 + step
    assert untouched <= set(given)


def test_nothing_is_given_out_twice_when_files_are_added() -> None:
    old = [make(f"plans/prds/{number}.md", number) for number in range(30)]
    first = list_page(Artifacts(old), readable=["planner"], limit=10)
    more = [make(f"plans/prds/new{number}.md", 100 + number) for number in range(30)]
    second = list_page(Artifacts([*old, *more]), readable=["planner"], limit=10, cursor=first.next_cursor)
    assert [a.path for a in second.artifacts] == [f"plans/prds/{number}.md" for number in range(19, 9, -1)]
    assert second.total == 60


def test_of_one_moment_the_later_name_stands_first() -> None:
    names = ["20260101-0900-a", "20260301-0900-c", "20260201-0900-b"]
    page = list_page(Artifacts(make(f"plans/prds/{name}.prd.md", 5) for name in names), readable=["planner"])
    assert [a.name[:8] for a in page.artifacts] == ["20260301", "20260201", "20260101"]


def test_a_list_is_of_what_the_profiles_may_read() -> None:
    artifacts = Artifacts([make("plans/a.md", 1), make("tasks/todos.md", 2), make(".ai/harness/policy.json", 3)])
    assert [a.path for a in list_page(artifacts, readable=["planner"]).artifacts] == ["plans/a.md"]
    assert list_page(artifacts, readable=["planner", "executor"]).total == 3
    assert list_page(artifacts, readable=[]).total == 0


def test_prefix_and_query_narrow_the_list() -> None:
    artifacts = Artifacts(
        [make("plans/prds/a.md", 1, "Die SUCHE"), make("plans/prds/suche-b.md", 2), make("plans/sprints/c.md", 3, "x")]
    )
    for asked, paths in (
        ({"prefix": "plans/prds/"}, ["plans/prds/suche-b.md", "plans/prds/a.md"]),
        ({"query": "suche"}, ["plans/prds/suche-b.md", "plans/prds/a.md"]),
        ({"query": "Suche", "prefix": "plans/prds/s"}, ["plans/prds/suche-b.md"]),
        ({"query": "  b  SUCHE "}, ["plans/prds/suche-b.md"]),
        ({"query": "suche nothing"}, []),
        ({"query": ""}, ["plans/sprints/c.md", "plans/prds/suche-b.md", "plans/prds/a.md"]),
    ):
        page = list_page(artifacts, readable=["planner"], **asked)
        assert [a.path for a in page.artifacts] == paths


@pytest.mark.parametrize(
    "asked", [{"kind": "plans"}, {"kind": ""}, {"limit": 0}, {"limit": MAX_LIMIT + 1}, {"limit": -1}]
)
def test_questions_that_make_no_sense_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as caught:
        list_page(Artifacts(), readable=["planner"], **asked)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_cursor_belongs_to_its_question() -> None:
    artifacts = Artifacts(make(f"plans/prds/{number}.md", number) for number in range(9))
    cursor = list_page(artifacts, readable=["planner"], limit=2).next_cursor
    assert cursor is not None
    attempts: list[dict[str, Any]] = [
        {"readable": ["executor"], "cursor": cursor},
        {"readable": ["planner"], "cursor": cursor, "kind": "prd"},
        {"readable": ["planner"], "cursor": cursor, "prefix": "plans"},
        {"readable": ["planner"], "cursor": cursor, "query": "1"},
        {"readable": ["planner"], "cursor": cursor[:-1] + ("A" if cursor[-1] != "A" else "B")},
        {"readable": ["planner"], "cursor": cursor[:-4]},
        *(
            {"readable": ["planner"], "cursor": made_up}
            for made_up in ("", "x", "é", "0" * 500, "====", cursor + "AAAA", "\0")
        ),
        {"readable": ["planner"], "cursor": urlsafe_b64encode(bytes(40)).decode()},
    ]
    for asked in attempts:
        with pytest.raises(Refusal) as caught:
            list_page(artifacts, **asked)
        assert caught.value.code == "INVALID_CURSOR", asked
    assert list_page(artifacts, readable=["planner"], limit=5, cursor=cursor).artifacts, (
        "another limit is the same question"
    )
