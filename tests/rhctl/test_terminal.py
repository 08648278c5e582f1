"""The terminal that output goes to."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rhctl.terminal import BAD, age, clock, columns, cut, duration, has_color, paint, use_color, width, wrap
from rhwire.times import format_time
from tests.support.terminal import at_terminal

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone five and a half hours east, and a clock that stands."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_colour_is_for_terminals_unless_no_color_is_set_or_the_terminal_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not has_color()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with at_terminal(80, "auto"):
        assert has_color()
        monkeypatch.setenv("NO_COLOR", "1")
        assert not has_color()
        monkeypatch.setenv("NO_COLOR", "")
        assert has_color()
        monkeypatch.setenv("TERM", "dumb")
        assert not has_color()


def test_color_on_the_command_line_rules_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with at_terminal(80):
        use_color("always")
        assert paint("broken", BAD) == "\x1b[31mbroken\x1b[0m"
        use_color("never")
        assert paint("broken", BAD) == "broken"
        monkeypatch.delenv("NO_COLOR")
        assert paint("broken", BAD) == "broken"


def test_text_without_a_meaning_and_no_text_are_not_coloured() -> None:
    with at_terminal(80, "always"):
        assert (paint("text", None), paint("", BAD)) == ("text", "")


def test_the_width_is_the_terminals_and_none_without_one() -> None:
    assert width() is None
    with at_terminal(40):
        assert width() == 40
    with at_terminal(0):
        assert width() == 80, "a serial line tells none"


def test_wide_and_combining_characters_are_counted_as_they_are_shown() -> None:
    assert [columns(text) for text in ("plan", "計画", "e\u0301", "é")] == [4, 4, 1, 1]


@pytest.mark.parametrize(
    ("text", "room", "short"),
    [
        ("plan", 4, "plan"),
        ("a long title", 7, "a long…"),
        ("a long title", 8, "a long…"),
        ("plans/sprints/one.md", 8, "…/one.md"),
        ("計画の端末", 5, "計画…"),
        ("計画の端末", 4, "計…"),
    ],
)
def test_what_is_cut_keeps_the_end_of_a_path_and_the_beginning_of_all_else(text: str, room: int, short: str) -> None:
    assert cut(text, room) == short
    assert columns(short) <= room


def test_prose_is_broken_between_words_in_a_terminal_alone_and_escaped() -> None:
    assert wrap("one two three", 2) == "  one two three"
    with at_terminal(10):
        assert wrap("one two three", 2) == "  one two\n  three"
        assert wrap("unbreakable-word", 2) == "  unbreakable-word"
        assert wrap("evil\x1b[2J") == r"evil\x1b[2J"


@pytest.mark.usefixtures("noon")
def test_times_are_relative_or_local_in_a_terminal_and_utc_elsewhere() -> None:
    today, before = format_time(NOW - 7200), format_time(NOW - 86400)
    assert (age(today), clock(today)) == ("2027-01-15T06:00:00Z",) * 2
    with at_terminal(80):
        assert (age(today), clock(today)) == ("2 h ago", "11:30:00")
        assert (age(before), clock(before)) == ("1 d ago", "2027-01-14 13:30")
        assert age(format_time(NOW + 7200)) == "0 s ago", "clocks are set back"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86399, "23 h"), (8.7e6, "100 d")],
)
def test_a_duration_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text
