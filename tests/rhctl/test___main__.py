"""`rhctl` itself: which command runs, how errors are told, what closed streams do; and what is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from rhctl.__main__ import INTERRUPTED, guard
from rhctl.command import overview, short_overview
from rhwire.errors import HarnessError
from tests.support.daemons import environment
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import is_safe, run

HEAVY = {"anyio", "asyncio", "mcp", "rhd", "rich", "shutil", "tomlkit", "trio"}
MAIN = "import sys; from rhctl.__main__ import main; sys.exit(main(sys.argv[1:]))"
LOADED = f"""
import sys
before = set(sys.modules)
from rhctl.__main__ import main
code = main(sys.argv[1:-1])
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
foreign = loaded - set(sys.stdlib_module_names) - {{"rhctl", "rhwire"}}
heavy = loaded & ({HEAVY!r} | set(sys.argv[-1:]))
sys.stderr.write("loaded:" + " ".join(sorted(foreign | heavy)) + " code:" + str(code))
"""


# Which command runs.


@pytest.mark.parametrize(("words", "code"), [((), 2), (("--help",), 0), (("-h",), 0), (("help",), 0)])
def test_the_overview_is_shown_to_whoever_names_no_command(words: tuple[str, ...], code: int) -> None:
    said = run(*words)
    assert (said.code, said.out, said.err) == (code, short_overview(), "")


@pytest.mark.parametrize("words", [("help", "--all"), ("--help", "--all")])
def test_the_whole_overview_is_shown_when_all_is_asked_for(words: tuple[str, ...]) -> None:
    assert run(*words).out == overview()


def test_a_mistyped_command_is_met_with_the_one_that_was_meant() -> None:
    said = run("stauts", "project", "--json")
    assert (said.code, said.refusal) == (2, "USAGE")
    assert said.json["error"]["next_step"] == "Did you mean: rhctl status project --json"
    assert "rhctl --help" in run("xyzzy").err
    assert run("help", "xyzzy").code == 2


def test_json_and_home_may_stand_before_the_command(tmp_path: Path) -> None:
    home = str(tmp_path / "elsewhere")
    for words in (("--json", "--home", home, "status"), (f"--home={home}", "status", "--json")):
        assert run(*words).json["daemon"] is None
    said = run("--port", "1", "status", "--json")
    assert (said.code, said.refusal) == (2, "USAGE")
    assert "behind" in said.json["error"]["next_step"]
    assert run("--json", "--help").out.startswith("usage: rhctl")


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ("start --profile plannr", "planner"),
        ("setup codx", "codex"),
        ("service instal", "install"),
        ("passphrase rotat", "rotate"),
        ("run folow r_1", "follow"),
    ],
)
def test_a_mistyped_choice_is_met_with_the_one_that_was_meant(words: str, near: str) -> None:
    said = run(*words.split(), "--json")
    assert (said.code, said.refusal) == (2, "USAGE")
    assert said.json["error"]["next_step"].startswith(f"Did you mean {near}? Known: ")


@pytest.mark.parametrize("word", ["../evil", "commands", "__init__", "setup.codex", "", "evil\x1b[2J\nname"])
def test_only_what_is_in_the_table_is_imported(word: str) -> None:
    said = run(word)
    assert said.code == 2
    assert is_safe(said.err)


# How errors are told.


def fail(error: BaseException) -> int:
    """Return how a command ends that raises `error`."""

    def command() -> int:
        raise error

    return guard("rhctl", [], command)


def test_an_interrupt_ends_as_shells_expect_it_and_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(KeyboardInterrupt()) == INTERRUPTED == 130
    assert capsys.readouterr() == ("", "")


def test_a_refusal_is_two_lines_on_stderr_and_nothing_hostile_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(HarnessError("no \x1b[2J\nrhctl: yes", code="NAME_TAKEN", next_step="Choose \u202e.")) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "rhctl: no \\x1b[2J\\nrhctl: yes\n  Choose \\u202e.\n"
    assert fail(HarnessError("no", code="NO_DAEMON", next_step="")) == 3
    assert capsys.readouterr().err == "rhctl: no\n"


def test_help_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(SystemExit(0)) == fail(SystemExit(None)) == 0


# Streams.


def test_a_reader_that_has_seen_enough_is_no_error(no_daemon: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = rhctl("version", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux alone has a device that is always full")
def test_an_output_that_takes_nothing_more_is_told_and_exit_1(no_daemon: Path) -> None:
    with open("/dev/full", "w") as full:
        done = rhctl("version", stdout=full)
    assert (done.returncode, done.stderr) == (1, "rhctl: the output: No space left on device\n")


async def test_closed_streams_are_not_taken_for_the_socket(daemon: Running, repository: Repository) -> None:
    """With 0, 1 and 2 closed, the first file that is opened would be standard output to code that prints."""
    code = (
        "import os, sys; os.closerange(0, 3); os.execv(sys.executable, [sys.executable, '-m', 'rhctl', *sys.argv[1:]])"
    )
    command = [sys.executable, "-c", code, "adopt", str(repository.path)]
    done = await trio.run_process(command, env=environment(), check=False)
    assert done.returncode == 0
    assert [r["slug"] for r in (await daemon.call("repos"))["repos"]] == ["project"]


async def test_a_terminal_without_utf8_gets_names_that_it_can_print(
    daemon: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await daemon.call("adopt", path=str(Repository.make(tmp_path / "né").path))
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = await trio.to_thread.run_sync(rhctl, "repos")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"n\xe9" in done.stdout


# What is imported.


def rhctl(*words: str, code: str = MAIN, stdout: Any = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment(), check=False, timeout=30
    )


def loaded_by(*words: str, heavy: str = "") -> tuple[list[str], str]:
    """Return what a command imported that is neither ours nor light, and its exit code."""
    said = rhctl(*words, heavy, code=LOADED).stderr.rpartition("loaded:")[2]
    names, _, code = said.partition(" code:")
    return names.split(), code


@pytest.mark.parametrize("words", [("version",), ("status",), ("status", "--help"), ("stauts",)])
def test_light_commands_import_nothing_heavy(no_daemon: Path, words: tuple[str, ...]) -> None:
    assert loaded_by(*words)[0] == []


LIGHT = (
    "version --json",
    "status",
    "repos",
    "events",
    "start project",
    "stop project",
    "passphrase show project",
    "adopt project --json",
)


async def test_the_commands_that_scripts_run_import_nothing_heavy_with_a_daemon_either(
    daemon: Running, repository: Repository
) -> None:
    await daemon.adopt(repository.path)
    for words in LIGHT:
        assert await trio.to_thread.run_sync(loaded_by, *words.split()) == ([], "0"), words


def test_the_check_sees_what_is_imported(no_daemon: Path) -> None:
    assert loaded_by("status", heavy="argparse")[0] == ["argparse"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("events", "--folow"), "Did you mean --follow? See: rhctl events --help"),
        (("setup", "codex", "--scope", "users"), "Did you mean user? Known: project, user"),
        (("tunnel", "ngork"), "Did you mean ngrok? Known: cloudflared, tailscale, ngrok, openai"),
        (("--home",), "See: rhctl --help"),
        (("--color", "status"), "List the commands with: rhctl --help"),
        (("--color=sometimes", "status"), "Known: auto, always, never"),
    ],
)
def test_a_mistyped_option_or_choice_is_met_with_what_was_meant(words: tuple[str, ...], hint: str) -> None:
    said = run(*words)
    assert (said.code, said.err.splitlines()[1:]) == (2, [f"  {hint}"])
