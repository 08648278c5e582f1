"""`rhctl completion`: its answers, and a real bash, zsh and fish where they are installed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rhctl.command import NAMES
from rhctl.commands.completion import SHELLS, complete
from tests.support.daemons import environment
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import HOSTILE, run, type_in


def values(*words: str) -> list[str]:
    return [value for value, _ in complete(list(words))]


def test_commands_options_and_choices_come_from_the_command_values(no_daemon: Path) -> None:
    assert values("") == list(NAMES)
    assert values("au") == ["audit", "auth-header"]
    assert "--client" in values("audit", "--")
    assert "--client" not in values("audit", "--client", "x", "--")
    assert values("service", "re") == ["restart"]
    assert values("start", "x", "--profile", "") == ["planner", "executor", "orchestrator"]
    assert values("logs", "--level", "w") == ["warning"]
    assert values("tunnel", "ngr") == ["ngrok"]
    assert values("completion", "") == list(SHELLS)
    assert not no_daemon.exists()


@pytest.mark.parametrize(
    "words", [("nothing", ""), ("audit", ""), ("config", "show", ""), ("audit", "--since", ""), ("version", "x", "")]
)
def test_what_is_not_known_is_nothing_and_starts_nothing(no_daemon: Path, words: tuple[str, ...]) -> None:
    assert values(*words) == []
    assert not no_daemon.exists()


async def test_live_values_are_those_of_the_daemon(daemon: Running, repository: Repository) -> None:
    repository.write("plans/prds/a.prd.md", "# A\n")
    await daemon.adopt(repository.path)
    await daemon.connect_client("project", name="ChatGPT")
    await daemon.connect_client("project", name=HOSTILE)

    async def told(*words: str) -> list[str]:
        said = await type_in("completion", "bash", "--words", *words)
        assert (said.code, said.err) == (0, "")
        return [line.partition("\t")[0] for line in said.out.splitlines()]

    assert await told("status", "") == ["project"]
    assert await told("audit", "--client", "") == ["ChatGPT"], "a name that does not print as itself is not offered"
    assert await told("config", "set", "log") == ["log_level"]
    assert await told("show", "--repo", "project", "plans/prds/a") == ["plans/prds/a.prd.md"]
    assert await told("show", "--repo", "nothing", "") == []


async def test_a_daemon_that_is_silent_is_not_waited_for(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhctl.commands.completion.ANSWER_WITHIN_S", 0.000001)
    said = await type_in("completion", "bash", "--words", "status", "")
    assert (said.code, said.out, said.err) == (0, "", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(no_daemon: Path, shell: str) -> None:
    assert run("completion", shell).out.rstrip("\n") == SHELLS[shell].rstrip("\n")
    assert run("completion", shell, "--json").json == {"script": SHELLS[shell]}


TRIES = {
    "bash": 'COMP_WORDS=(rhctl service re); COMP_CWORD=2; _rhctl; printf "%s\\n" "${COMPREPLY[@]}"',
    "fish": "complete -C 'rhctl service re'",
    "zsh": "compdef() { :; }; _describe() { print -l -- ${found%%:*} }; words=(rhctl service re); CURRENT=3; _rhctl",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes(no_daemon: Path, tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/rhctl"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rhctl "$@"\n')
    program.chmod(0o755)
    script = (SHELLS[shell] if shell != "zsh" else "compdef() { :; }\n" + SHELLS[shell]) + TRIES[shell] + "\n"
    variables = environment()
    variables["PATH"] = f"{tmp_path / 'bin'}:{variables['PATH']}"
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, timeout=30, env=variables, check=False)
    assert (done.stdout.split("\t")[0].split(), done.stderr) == (["restart"], "")
