"""Command lines: one small parser for the command that runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rhctl.errors import UsageError
from rhctl.options import PROFILES, add_profile, add_repo, home_words, make_parser, real_path, repo_params
from rhd import access
from rhwire.home import Home


def test_options_may_stand_anywhere_between_the_arguments() -> None:
    parser = make_parser("test", "Test.", "rhctl test x")
    add_repo(parser)
    add_profile(parser, "which")
    parser.add_argument("more", nargs="*")
    for words in (
        ["a", "--json", "b", "--profile", "planner"],
        ["--json", "a", "--profile", "planner", "b"],
        ["--profile=planner", "a", "b", "--json"],
    ):
        args = parser.parse_args(words)
        assert (args.repo, args.more, args.json, args.profile) == ("a", ["b"], True, "planner")


@pytest.mark.parametrize("words", [["--xyz"], ["--nothing"], ["a", "b"], ["--home"]])
def test_what_is_not_understood_is_ours_to_tell(words: list[str]) -> None:
    parser = make_parser("test", "Test.", "rhctl test x")
    add_repo(parser)
    add_profile(parser, "which")
    with pytest.raises(UsageError) as refused:
        parser.parse_args(words)
    assert refused.value.next_step == "See: rhctl test --help"
    assert refused.value.exit_code == 2


def test_all_that_is_missing_is_named_where_nothing_is_given() -> None:
    parser = make_parser("test", "Test.", "x")
    parser.add_argument("client", metavar="CLIENT")
    add_profile(parser, "which", required=True)
    with pytest.raises(UsageError, match="required: CLIENT, --profile"):
        parser.parse_args([])


def test_a_profile_is_named_once_unless_several_are_meant() -> None:
    parser = make_parser("test", "Test.", "x")
    add_profile(parser, "which", default="planner")
    assert parser.parse_args([]).profile == "planner"
    with pytest.raises(UsageError, match="--profile can be given once") as refused:
        parser.parse_args(["--profile", "planner", "--profile", "executor"])
    assert refused.value.next_step == "Repeat the command for each."
    parser = make_parser("test", "Test.", "x")
    add_profile(parser, "which", action="append")
    assert parser.parse_args(["--profile", "planner", "--profile", "executor"]).profile == ["planner", "executor"]


def test_only_a_command_that_starts_a_daemon_can_be_told_not_to() -> None:
    assert make_parser("test", "Test.", "x").parse_args(["--no-start"]).no_start is True
    with pytest.raises(UsageError):
        make_parser("test", "Test.", "x", starts=False).parse_args(["--no-start"])


def test_the_example_stands_on_a_line_of_its_own() -> None:
    help_text = make_parser("test", "A long text. " * 20, "rhctl test --with many --options and words").format_help()
    assert help_text.endswith("\nexample:\n  rhctl test --with many --options and words\n")


def test_the_profiles_are_the_daemon_s() -> None:
    assert tuple(access.PROFILES) == PROFILES


def test_a_home_is_named_in_a_command_only_where_it_has_to_be() -> None:
    assert home_words(Home("/x", is_default=True)) == ""
    assert home_words(Home("/x y")) == " --home '/x y'"


def test_what_was_typed_and_the_path_that_it_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project/plans").mkdir(parents=True)
    (tmp_path / "link").symlink_to("project/plans")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "project"))
    here = str(tmp_path)
    assert repo_params("project") == {"repo": "project", "path": f"{here}/project"}
    assert repo_params("porject") == {"repo": "porject"}  # so that a typing error never means the folder around
    assert repo_params("link") == {"repo": "link", "path": f"{here}/project/plans"}
    assert repo_params("./nothing") == {"repo": "./nothing", "path": f"{here}/nothing"}
    assert repo_params("~") == {"repo": "~", "path": f"{here}/project"}
    assert repo_params("..") == {"repo": "..", "path": str(tmp_path.parent)}
    assert repo_params(None) == {"path": here}
    assert repo_params(None, around=False) == {}


def test_a_current_folder_that_is_gone_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    for typed in (".", "x/y"):
        with pytest.raises(UsageError, match="does not exist any more"):
            real_path(typed)
    assert real_path("/x/../y") == "/y"
    os.chdir(tmp_path)


@pytest.mark.parametrize("columns", ["60", "200"])
def test_help_is_as_wide_as_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    parser = make_parser("test", "A sentence that goes on and on. " * 20, "rhctl test x")
    assert int(columns) - 20 < max(map(len, parser.format_help().splitlines())) <= int(columns) - 2


@pytest.mark.parametrize("columns", ["", "wide", "0"])
def test_without_a_width_help_is_as_wide_as_any_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert make_parser("test", "Test.", "rhctl test x").format_help()


def test_a_mistyped_choice_suggests_the_nearest_and_lists_what_is_known() -> None:
    parser = make_parser("test", "Test.", "rhctl test x")
    add_profile(parser, "which")
    for typed, near in (("plannr", "Did you mean planner? "), ("root", "")):
        with pytest.raises(UsageError) as refused:
            parser.parse_args(["--profile", typed])
        assert refused.value.next_step == f"{near}Known: planner, executor, orchestrator"
