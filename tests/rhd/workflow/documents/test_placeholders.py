from __future__ import annotations

import pytest

from rhd.errors import Refusal
from rhd.workflow.documents.placeholders import is_placeholder, is_prose, read_checks, refuse_placeholders


@pytest.mark.parametrize(
    "text",
    [
        "TBD",
        "tbd.",
        "[TBD]",
        "...",
        "…",
        "-",
        "?",
        "N/A",
        "n/a",
        "TODO",
        "(todo)",
        "None",
        "To be determined",
        "TBD 🚧",
        "to be stated",
        "Fill in later",
        "Coming soon",
        "xxx",
        "Lorem ipsum dolor",
        "unknown",
        "Replace with a machine-checkable acceptance line",
        "<insert your text here>",
        "Describe the problem here",
    ],
)
def test_placeholders(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "Replace nginx",
        "Replace with care",
        "No crash",
        "None of them fails",
        "Todo list app",
        "Unknown users see it",
        "🚀",
        "x",
        "TBD is shown for prices",
        "Add a button here and there",
        "a.b",
        "Fill in the form",
        "未定",
    ],
)
def test_what_says_something_is_no_placeholder(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    "check",
    [
        "pytest",
        "! go test ./tests/e2e -run TestLarge",
        "make test",
        "test -f build/app",
        "Rscript check.R",
        "./run.sh",
        "cat old.ini | app migrate-config - | app check",
        "CI=1 npm test",
        "python -m pytest tests -k 'v2 or migrate'",
        "[ -d dist ]",
        "(cd web && npm test)",
        "find .",
        "cd a && ls .",
        "verify --all",
        "check-links docs",
        "Make",
        "node -e \"console.log('Hello world.')\"",
        "ruff check .",
        "echo `x`",
        "grep -q ' all ' README.md",
        "see --help",
        "MSBuild.exe x.sln",
        "true",
        "if [ -f a ]; then exit 1; fi",
        "all.sh",
        "open -a Simulator",
        "test the.txt",
    ],
)
def test_commands(check: str) -> None:
    assert not is_prose(check)


@pytest.mark.parametrize(
    "check",
    [
        "The tests pass",
        "Tests pass",
        "All unit tests are green",
        "Verify that login works",
        "verify that login works",
        "make sure it builds",
        "Run pytest and look",
        "Users can log in",
        "the page loads",
        "manual check",
        "登录成功",
        "Replace me",
        "it should work as described in the spec.",
        "Ensure: no crash",
        "check the page in a browser",
        "Überprüfen",
        "when clicked it opens",
    ],
)
def test_prose(check: str) -> None:
    assert is_prose(check)


def test_checks_are_read_without_marks_or_prompt() -> None:
    assert read_checks("checks", ["`make  test`", "$ ls", " x `b` c ", "true\n"]) == [
        "make  test",
        "ls",
        "x `b` c",
        "true",
    ]


@pytest.mark.parametrize("check", ["TBD", "``", "a\nb", "The tests pass"])
def test_a_check_that_is_none_is_refused_with_what_to_send(check: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_checks("tasks[0].checks", ["make", check])
    assert caught.value.code == "INVALID_ARGUMENT"
    assert "tasks[0].checks[1]" in caught.value.message
    assert "end" in (caught.value.next_step or "")


def test_a_placeholder_is_refused_by_the_name_of_its_argument() -> None:
    refuse_placeholders([("title", "Search")])
    with pytest.raises(Refusal, match=r"users\[1\] is a placeholder: TBD"):
        refuse_placeholders([("users[1]", " TBD ")])
