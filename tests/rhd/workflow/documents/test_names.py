from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhd.errors import Refusal
from rhd.rel_path import RelPath
from rhd.workflow.documents.names import MAX_SLUG_BYTES, choose_path, slug_of

NOW = time.mktime((2026, 11, 22, 10, 30, 0, 0, 0, -1))


def choose(slug: str | None = None, title: str = "Search", existing: tuple[str, ...] = ()) -> RelPath:
    return choose_path("plans/prds", ".prd.md", slug=slug, title=title, existing=existing, now=NOW)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Full-Text Search!", "full-text-search"),
        ("検索 エンジン", "検索-エンジン"),
        ("Ünïcode", "ünïcode"),
        ("a/b\\c", "a-b-c"),
    ],
)
def test_a_slug_keeps_letters_of_any_script(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_titles_without_letters_do_not_collide() -> None:
    assert slug_of("🚀") != slug_of("🎉")


@given(st.text(max_size=400))
def test_every_title_gives_a_name_that_is_a_path(title: str) -> None:
    assert len(slug_of(title).encode()) <= MAX_SLUG_BYTES
    assert choose(title=title).startswith("plans/prds/20261122-1030-")


def test_without_a_slug_the_name_is_new_even_within_the_same_minute() -> None:
    first = choose()
    second = choose(existing=(first,))
    assert (first, second) == ("plans/prds/20261122-1030-search.prd.md", "plans/prds/20261122-1030-search-2.prd.md")


def test_the_same_slug_addresses_the_same_document() -> None:
    older, newer = "plans/prds/20250101-0000-search.prd.md", "plans/prds/20260101-0000-search.prd.md"
    other = "plans/prds/20260601-0000-research.prd.md"
    assert choose(slug="search", existing=(older, newer, other)) == newer
    assert choose(slug="Search") == "plans/prds/20261122-1030-search.prd.md"


def test_a_whole_name_is_taken_as_it_is() -> None:
    assert choose(slug="20250101-0000-search") == "plans/prds/20250101-0000-search.prd.md"
    assert choose(slug="plans/prds/20250101-0000-search.prd.md") == "plans/prds/20250101-0000-search.prd.md"
    assert choose(slug="20250101-0000-search.prd.md") == "plans/prds/20250101-0000-search.prd.md"


@pytest.mark.parametrize("slug", ["", "///", "🚀"])
def test_a_slug_that_says_nothing_is_refused(slug: str) -> None:
    with pytest.raises(Refusal) as caught:
        choose(slug=slug)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_slug_cannot_leave_the_folder() -> None:
    assert choose(slug="../../etc/passwd") == "plans/prds/20261122-1030-etc-passwd.prd.md"
