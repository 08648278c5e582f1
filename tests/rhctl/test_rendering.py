"""What people read on a terminal."""

from __future__ import annotations

import io
import sys
import time

import pytest

from rhctl.rendering import age, count, duration, say, say_json, say_problem, say_table
from rhwire.times import format_time


def test_a_line_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say("a line")
    say()
    assert capsys.readouterr().out == "a line\n\n"


@pytest.mark.parametrize(
    ("encoding", "name"), [("utf-8", "é\u202e\\n"), ("UTF8", "é\u202e\\n"), ("ascii", r"\u00e9\u202e\n")]
)
def test_json_is_one_line_whatever_is_in_it_and_whatever_the_terminal_speaks(
    monkeypatch: pytest.MonkeyPatch, encoding: str, name: str
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, write_through=True))
    say_json({"name": "é\u202e\n"})
    assert raw.getvalue().decode("utf-8") == f'{{"name":"{name}"}}\n'


def test_a_problem_is_told_with_its_code_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    say_problem(None)
    say_problem({"code": "REPO_BROKEN", "message": "evil\x1b[2J", "next_step": "Look."})
    assert capsys.readouterr().out.splitlines() == [r"  problem: evil\x1b[2J [REPO_BROKEN]", "    Look."]


def test_a_table_is_aligned_and_its_cells_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("REPO", "PATH"), [("a", "/x"), ("longer", "evil\x1b[2J\nname")])
    assert capsys.readouterr().out.splitlines() == ["REPO    PATH", "a       /x", r"longer  evil\x1b[2J\nname"]


def test_an_empty_table_is_its_titles(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("REPO", "PATH"), [])
    assert capsys.readouterr().out == "REPO  PATH\n"


def test_one_of_a_thing_and_more_of_it() -> None:
    assert [count(n, "client") for n in (0, 1, 2)] == ["0 clients", "1 client", "2 clients"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86399, "23 h"), (8.7e6, "100 d")],
)
def test_a_duration_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_age_is_told_wherever_the_machine_stands_and_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    for zone in ("UTC", "Asia/Kolkata", "America/St_Johns"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert age(format_time(1_800_000_000.0 - 7200)) == "2 h ago"
        assert age(format_time(1_800_000_000.0 + 7200)) == "0 s ago"
    monkeypatch.undo()
    time.tzset()
