"""rhd.workflow.reading: pages that put together are the text, and that give nothing away."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rhd.access import EXECUTOR, PLANNER
from rhd.errors import Conflict, HarnessError, Refusal
from rhd.ids import Revision
from rhd.rel_path import RelPath
from rhd.workflow import reading
from rhd.workflow.reading import MAX_BYTES, PAGE_BYTES, PAGE_CHARS, TextPage, decode_text, read_page
from rhd.workflow.redaction.redact import Redacted, redact
from rhd.workflow.revisions import revision_of, version_of
from rhd.workflow.root import Root
from tests.support.repositories import Repository

KEY = b"k" * 32
PRD = RelPath("plans/prds/20261101-0900-search.prd.md")
NEW = RelPath("plans/prds/new.md")
SECRET = "gh" + "p_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_kept", reading._CachedText(reading._KEPT_BYTES))


def pages(root: Root, path: RelPath, page_chars: int) -> list[TextPage]:
    found = [read_page(root, path, PLANNER.reach, KEY, page_chars=page_chars)]
    while found[-1].next_cursor is not None:
        found.append(read_page(root, path, PLANNER.reach, KEY, page_chars=page_chars, cursor=found[-1].next_cursor))
    return found


def test_a_whole_text_comes_in_one_page_with_its_revision(root: Root, repository: Repository) -> None:
    data = (repository.path / PRD).read_bytes()
    page = read_page(root, PRD, PLANNER.reach, KEY)
    assert page.content.encode() == data
    assert (page.truncated, page.next_cursor, dict(page.redactions)) == (False, None, {})
    assert page.revision == revision_of(KEY, data)
    assert page.version == version_of(KEY, data)
    assert (page.size_bytes, page.modified_ns) == (len(data), (repository.path / PRD).stat().st_mtime_ns)


@pytest.mark.parametrize("text", ["", "\n", "\ufeffBOM\r\nand\rall\u2028line\x85ends", "no newline"])
def test_a_text_comes_back_to_the_byte(root: Root, repository: Repository, text: str) -> None:
    (repository.path / NEW).write_bytes(text.encode())
    page = read_page(root, NEW, PLANNER.reach, KEY)
    assert page.content == text
    assert isinstance(page.revision, Revision)


def test_a_redacted_text_has_no_revision(root: Root, repository: Repository) -> None:
    repository.write(NEW, f"use {SECRET} here\n")
    page = read_page(root, NEW, PLANNER.reach, KEY)
    assert page.content == "use [REDACTED:github_token] here\n"
    assert (page.revision, dict(page.redactions)) == (None, {"github_token": 1})
    assert page.version == version_of(KEY, f"use {SECRET} here\n".encode())


def test_no_page_of_several_has_a_revision(root: Root, repository: Repository) -> None:
    repository.write(NEW, "line\n" * 100)
    found = pages(root, NEW, 120)
    assert len(found) > 3
    assert {page.revision for page in found} == {None}
    assert [page.truncated for page in found] == [True] * (len(found) - 1) + [False]
    assert len({page.version for page in found}) == 1


def test_a_secret_across_the_end_of_a_page_is_found(root: Root, repository: Repository) -> None:
    for before in range(80, 130, 3):
        repository.write(NEW, "x" * before + f" {SECRET} " + "y" * 200)
        content = "".join(page.content for page in pages(root, NEW, 100))
        assert content == "x" * before + " [REDACTED:github_token] " + "y" * 200


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("aé计😀\n\r ", max_size=400), st.integers(1, 60))
def test_the_pages_put_together_are_the_text(root: Root, repository: Repository, text: str, page_chars: int) -> None:
    (repository.path / NEW).write_bytes(text.encode())
    found = pages(root, NEW, page_chars)
    assert "".join(page.content for page in found) == text
    assert all(0 < len(page.content) <= page_chars for page in found[:-1])


def test_a_page_ends_with_a_line_if_one_ends_near(root: Root, repository: Repository) -> None:
    repository.write(NEW, ("x" * 29 + "\n") * 10)
    assert [len(page.content) for page in pages(root, NEW, 100)] == [90, 90, 90, 30]


def test_the_default_page_holds_nearly_every_artifact(root: Root, repository: Repository) -> None:
    for text in ("x" * PAGE_CHARS, "é" * (PAGE_BYTES // 2), "第" * (PAGE_BYTES // 3)):
        repository.write(NEW, text)
        assert not read_page(root, NEW, PLANNER.reach, KEY).truncated
        repository.write(NEW, text + text[0])
        assert read_page(root, NEW, PLANNER.reach, KEY).truncated


def test_a_page_is_bounded_in_bytes_and_ends_between_characters(root: Root, repository: Repository) -> None:
    for text in ("第一步：实现功能。" * 9000, "x" + "😀" * 30_000, "é第😀\n" * 9000):
        repository.write(NEW, text)
        found = pages(root, NEW, PAGE_CHARS)
        assert "".join(page.content for page in found) == text
        assert max(len(page.content.encode()) for page in found) <= PAGE_BYTES
        assert len(found) <= len(text.encode()) // (PAGE_BYTES * 3 // 4) + 1
    # Who asks for more gets more.
    assert not read_page(root, NEW, PLANNER.reach, KEY, page_chars=4 * len(text)).truncated


def test_no_page_ends_within_a_marker(root: Root, repository: Repository) -> None:
    repository.write(NEW, f"{'x' * 50} {SECRET} [not one] {SECRET}")
    marker = "[REDACTED:github_token]"
    for page_chars in (*range(1, 12), *range(50, 120)):
        found = [page.content for page in pages(root, NEW, page_chars)]
        assert "".join(found) == f"{'x' * 50} {marker} [not one] {marker}"
        assert sum(page.count(marker) for page in found) == 2
        assert all(0 < len(page) <= max(page_chars, len(marker)) for page in found)


def test_a_long_text_is_redacted_once_and_kept_no_longer_than_it_is_read(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    redacted = []
    monkeypatch.setattr(reading, "redact", lambda text: redacted.append(len(text)) or redact(text))
    text = f"a line of some plan 第 {SECRET}\n" * 20_000
    repository.write(NEW, text)
    found = pages(root, NEW, PAGE_CHARS)
    assert len(found) > 15
    assert len(redacted) == 1
    assert "".join(page.content for page in found) == redact(text).text
    assert {tuple(page.redactions.items()) for page in found} == {(("github_token", 20_000),)}
    assert reading._kept.size_bytes == 0


def test_what_is_kept_is_bounded(root: Root, repository: Repository) -> None:
    for number in range(6):
        repository.write(NEW, f"{number} plans\n" * (3 << 17))
        read_page(root, NEW, PLANNER.reach, KEY)
        assert reading._kept.size_bytes <= 2 * MAX_BYTES
    assert reading._kept.size_bytes == 6 << 20
    pages(root, NEW, PAGE_CHARS)  # to its end
    assert reading._kept.size_bytes == 3 << 20


def test_many_threads_read_long_texts_at_once(root: Root, repository: Repository) -> None:
    texts = {RelPath(f"plans/prds/{number}.md"): f"line {number} of a plan\n" * 60_000 for number in range(8)}
    for path, text in texts.items():
        repository.write(path, text)
    read: dict[RelPath, str] = {}

    def read_all(path: RelPath) -> None:
        read[path] = "".join(page.content for page in pages(root, path, 200_000))

    threads = [threading.Thread(target=read_all, args=(path,)) for path in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert read == texts


def test_pages_of_two_contents_are_never_put_together(root: Root, repository: Repository) -> None:
    repository.write(NEW, "a" * 200)
    cursor = read_page(root, NEW, PLANNER.reach, KEY, page_chars=50).next_cursor
    repository.write(NEW, "b" * 200)
    with pytest.raises(Conflict) as caught:
        read_page(root, NEW, PLANNER.reach, KEY, page_chars=50, cursor=cursor)
    assert caught.value.code == "REVISION_CONFLICT"
    assert "without a cursor" in caught.value.next_step
    repository.write(NEW, "a" * 200)
    assert read_page(root, NEW, PLANNER.reach, KEY, page_chars=50, cursor=cursor).content == "a" * 50


def test_only_a_cursor_that_was_given_out_for_this_path_is_taken(root: Root, repository: Repository) -> None:
    repository.write(NEW, "a" * 200)
    repository.write("plans/prds/other.md", "a" * 200)
    cursor = read_page(root, NEW, PLANNER.reach, KEY, page_chars=50).next_cursor
    assert cursor is not None
    rng = random.Random(5)
    forged = ["", "x", "é", "\0", "=" * 9, cursor + "A", cursor[:-1], cursor[1:], cursor * 2, "A" * len(cursor)]
    for _ in range(100):
        at = rng.randrange(len(cursor))
        other = rng.choice("ABCdef012_-")
        if other != cursor[at]:
            forged.append(cursor[:at] + other + cursor[at + 1 :])
    for attempt in forged:
        with pytest.raises(Refusal) as caught:
            read_page(root, NEW, PLANNER.reach, KEY, cursor=attempt)
        assert caught.value.code == "INVALID_CURSOR", attempt
    for path, key in ((RelPath("plans/prds/other.md"), KEY), (NEW, b"o" * 32)):
        with pytest.raises(Refusal) as caught:
            read_page(root, path, PLANNER.reach, key, cursor=cursor)
        assert caught.value.code == "INVALID_CURSOR"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\0", "BINARY_FILE"),
        (b"x" * 7999 + b"\0", "BINARY_FILE"),
        (b"\x89PNG\r\n\x1a\n\0\0", "BINARY_FILE"),
        (b"caf\xe9", "NOT_UTF8"),
        (b"\xff\xfe", "NOT_UTF8"),
        (b"\xed\xa0\x80", "NOT_UTF8"),
        (b"\xc0\xaf", "NOT_UTF8"),
        (b"x" * 8000 + b"\0", None),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(
    root: Root, repository: Repository, data: bytes, code: str | None
) -> None:
    (repository.path / NEW).write_bytes(data)
    if code is None:
        assert read_page(root, NEW, PLANNER.reach, KEY).content.endswith("\0")
        return
    with pytest.raises(Refusal) as caught:
        read_page(root, NEW, PLANNER.reach, KEY)
    assert caught.value.code == code
    with pytest.raises(Refusal):
        decode_text(NEW, data)


def test_the_largest_text_is_read_and_one_byte_more_is_refused(root: Root, repository: Repository) -> None:
    (repository.path / NEW).write_bytes(b"\n" * MAX_BYTES)
    page = read_page(root, NEW, PLANNER.reach, KEY)
    assert (len(page.content), page.truncated) == (PAGE_CHARS, True)
    (repository.path / NEW).write_bytes(b"\n" * (MAX_BYTES + 1))
    with pytest.raises(Refusal) as caught:
        read_page(root, NEW, PLANNER.reach, KEY)
    assert caught.value.code == "FILE_TOO_LARGE"


def test_a_cursor_reaches_nothing_that_its_bearer_may_not_read(root: Root, repository: Repository) -> None:
    todos = RelPath("tasks/todos.md")
    repository.write(todos, "a" * 200)
    cursor = read_page(root, todos, EXECUTOR.reach, KEY, page_chars=50).next_cursor
    with pytest.raises(HarnessError) as caught:
        read_page(root, todos, PLANNER.reach, KEY, cursor=cursor)
    assert caught.value.code == "POLICY_DENIED"


def test_the_redactions_told_are_those_of_the_whole_text(root: Root, repository: Repository) -> None:
    text = "x\n" * 100 + f"{SECRET}\n" + "y\n" * 100 + f"{SECRET}\n"
    repository.write(NEW, text)
    assert {tuple(page.redactions.items()) for page in pages(root, NEW, 50)} == {(("github_token", 2),)}
    assert redact(text).counts == {"github_token": 2}


def test_a_long_text_is_redacted_once_for_all_that_read_it_at_once(
    root: Root, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("plans/long.md", "a line of text\n" * 20_000)
    redacted: list[int] = []

    def count(text: str) -> Redacted:
        redacted.append(len(text))
        return redact(text)

    monkeypatch.setattr(reading, "redact", count)
    with ThreadPoolExecutor(4) as pool:
        pages = [pool.submit(read_page, root, RelPath("plans/long.md"), PLANNER.reach, KEY) for _ in range(4)]
        assert len({page.result(30).content for page in pages}) == 1
    assert len(redacted) == 1
    assert not reading._kept._making
