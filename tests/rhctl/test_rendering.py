"""What people read on a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from rhctl.rendering import count, say, say_json, say_problem, say_summary, say_table
from rhctl.terminal import BAD
from tests.support.terminal import at_terminal


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


def test_a_table_fits_the_terminal_and_only_columns_that_may_be_are_cut() -> None:
    rows = [("g_1234567890", "/srv/somewhere/far/down/in/a/tree/project", "a client with a long name")]
    with at_terminal(60) as seen:
        say_table(("ID", "PATH", "CLIENT"), rows, {"PATH": 10, "CLIENT": 8})
    titles, row = seen().splitlines()
    assert titles.split() == ["ID", "PATH", "CLIENT"]
    assert row.startswith("g_1234567890  …")
    assert "/project  a client with" in row
    assert row.endswith("…")
    assert len(row) <= 60


def test_a_row_that_does_not_fit_is_lines_of_its_own() -> None:
    with at_terminal(20) as seen:
        say_table(("ID", "PATH", "STATE"), [("g_1234567890", "/srv/far/project", "ok")], {"PATH": 10})
    assert seen().splitlines() == ["g_1234567890", "  PATH   …ar/project", "  STATE  ok"]


def test_wide_characters_are_counted_as_they_are_shown() -> None:
    with at_terminal(40) as seen:
        say_table(("CLIENT", "STATE"), [("計画の端末", "ok"), ("plain", "ok")])
    assert [line.index("ok") for line in seen().splitlines()[1:]] == [7, 12]  # five characters take ten columns


def test_a_cell_has_the_colour_of_its_meaning_and_the_alignment_of_none() -> None:
    with at_terminal(40, "always") as seen:
        say_table(("REPO", "STATE", "N"), [("a", ("broken", BAD), "1")])
    assert seen().splitlines()[1] == "a     \x1b[31mbroken\x1b[0m  1"


def test_piped_it_is_as_wide_as_it_needs_without_colour_and_without_a_closing_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say_table(("PATH", "STATE"), [("/" + "x" * 300, ("broken", BAD))], {"PATH": 10})
    say_summary("1 repository")
    assert capsys.readouterr().out.splitlines()[1] == "/" + "x" * 300 + "  broken"


def test_a_terminal_gets_a_closing_line() -> None:
    with at_terminal(80, "always") as seen:
        say_summary("1 repository")
    assert seen() == "\n\x1b[2m1 repository\x1b[0m\n"
