"""Promises that hold for every command: its help, its exit codes, and the keys that scripts rely on.

A new command needs its line in each table here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rhctl.command import GROUPS, NAMES, find_command, overview, short_overview
from rhd.settings import TABLE
from rhwire.codes import CODES
from tests.support.inprocess import Running
from tests.support.repositories import Repository
from tests.support.terminal import run, type_in

ROOT = Path(__file__).resolve().parents[2]
MAX_COLUMNS = 100

LOGIN = {"age_s", "asked[]", "client", "host", "redirect_host", "resource"}
CHANGE = {"at", "change", "cursor", "kind", "path", "repo", "via", "by"}
SETUP = {
    "add[]", "authentication", "client", "config", "diff", "replaced_for[]", "file", "http", "local_url", "name",
    "needs_trust", "passphrase_file", "removed", "scope", "server", "slug", "steps[]", "url", "written",
}  # fmt: skip
STEP = {"command[]", "do", "path", "pid", "text"}


def inside(prefix: str, keys: set[str]) -> set[str]:
    """Return `keys` as they stand below another one."""
    return {f"{prefix}.{key}" for key in keys}


# A command that succeeds, and the keys of its answer, for ever: add, never rename, drop or repurpose.
DONE: dict[str, tuple[str, set[str]]] = {
    "adopt": (
        "adopt project",
        {"commit[]", "created[]", "dry_run", "id", "leftover_endpoint", "leftover_secrets[]", "notes[]", "outcome"}
        | {"path", "public_url", "replaced[]", "slug", "url"},
    ),
    "approve": ("approve {code} --yes", {*LOGIN, "approved", "choices[]", "profiles[]", "repos[]"}),
    "audit": (
        "audit",
        {"has_more"}
        | inside(
            "rows[]",
            {"action", "at", "client", "count", "duration_ms", "outcome", "principal", "profile", "repo", "target"},
        ),
    ),
    "auth-header": ("auth-header project", {"Authorization"}),
    "clients": (
        "clients",
        inside("clients[]", {"host", "id", "name", "pid", "repos.project[]", "resource", "since", "used_at"}),
    ),
    "completion": ("completion bash", {"script"}),
    "config": (
        "config show log_level",
        {"config", "daemon", "database", "logs", "problem"}
        | {
            f"settings.{setting.name}.{key}"
            for setting in TABLE
            for key in ("origin", "pending", "reloads", "value[]" if setting.default == () else "value")
        },
    ),
    "deny": ("deny {code}", {*LOGIN, "denied"}),
    "doctor": ("doctor", inside("findings[]", {"cause", "check", "id", "message", "next_step", "repo", "status"})),
    "endpoint": ("endpoint https://rh.example.com/mcp", {"clients[]", "endpoint", "public_url"}),
    "events": ("events", inside("changes[]", CHANGE)),
    "forget": ("forget project", {"clients", "path", "slug"}),
    "goal": ("goal project", {"path", "prompt", "slug"}),
    "grant": (
        "grant ChatGPT project --profile executor",
        {"client", "profile", "slug", "started"} | inside("grants[]", {"client", "id", "since"}),
    ),
    "logs": ("logs", {"lines[]", "source"}),
    "man": ("man", {"page"}),
    "metrics": (
        "metrics",
        inside("metrics[]", {"bounds[]", "help", "kind", "name", "samples[]"}),
    ),
    "passphrase": ("passphrase show project", {"passphrase", "path", "slug"}),
    "raw": ("raw version", {"pid", "protocol", "python", "version"}),
    "repos": ("repos", inside("repos[]", {"adopted_at", "id", "name", "path", "slug"})),
    "revoke": ("revoke ChatGPT", {"client", "slug"} | inside("grants[]", {"client", "id", "since"})),
    "runs": ("runs", {"runs[]"}),
    "service": (
        "service stop --dry-run",
        {"action", "dry_run", "files[]", "home", "log", "manager", "notes[]", "pid", "url"}
        | inside("kept", {"config", "database", "home", "logs"})
        | inside("steps[]", STEP - {"command[]"} | {"command"}),
    ),
    "setup": ("setup codex project", SETUP),
    "show": ("show --repo project docs/spec.md", {"content", "path", "redactions", "slug"}),
    "start": ("start project", {"agent_runs", "dormant[]", "hub_url", "leased", "problem", "profile", "slug", "url"}),
    "status": (
        "status",
        inside("daemon", {"clients", "pid", "public_url", "socket", "uptime_s", "url", "version"})
        | inside("daemon.last_day", {"new_clients", "wrong_passphrases"})
        | inside("daemon.watch", {"advice[]", "instances", "max_instances", "max_watches", "watches"})
        | inside(
            "repos[]",
            {
                "active_run",
                "agent_runs",
                "branch",
                "clients",
                "left_out",
                "path",
                "problem",
                "profiles[]",
                "slug",
                "state",
            }
            | {"tools_hash", "url", "watch"},
        )
        | inside("repos[].sprint", {"changed_at", "path", "status", "title"})
        | inside("repos[].sprint.cards", {"done", "finished", "total"})
        | inside("repos[].last_change", {"at", "change", "path", "via"}),
    ),
    "stop": ("stop project", {"leased[]", "profiles[]", "slug", "stopped[]"}),
    "tunnel": (
        "tunnel cloudflared --metrics 1",
        {"commands[]", "config", "file", "notes[]", "paths[]", "provider", "public_url", "quick_url", "url"},
    ),
    "version": ("version", {"version"} | inside("daemon", {"pid", "protocol", "python", "version"})),
}
MORE_KEYS: dict[str, set[str]] = {
    "passphrase rotate project": {
        "copy_problem", "dropped", "ended", "file", "passphrase", "path", "slug",
    },
    "setup chatgpt project": SETUP,
    "service status": {
        "enabled", "files[]", "home", "installed", "installed_home", "is_service", "lingers", "log", "manager",
        "next_step", "pid", "problem", "service", "sockets", "url",
    },
}  # fmt: skip

# What is refused with exit 1, and the code. Connect answers its client instead: tests/rhctl/commands/test_connect.py.
REFUSED: dict[str, tuple[str, str]] = {
    "adopt": ("adopt plain", "NOT_A_REPOSITORY"),
    "approve": ("approve abcd-efgh --yes", "APPROVAL_NOT_FOUND"),
    "audit": ("audit -n 1001", "INVALID_ARGUMENT"),
    "config": ("config set port high", "CONFIG_INVALID"),
    "deny": ("deny abcd-efgh", "APPROVAL_NOT_FOUND"),
    "endpoint": ("endpoint http://rh.example.com/mcp", "INVALID_ENDPOINT"),
    "events": ("events -n 1001", "INVALID_ARGUMENT"),
    "goal": ("goal project", "NOT_FOUND"),
    "grant": ("grant Nobody project --profile planner", "CLIENT_NOT_FOUND"),
    "raw": ("raw nothing", "INVALID_REQUEST"),
    "revoke": ("revoke Nobody", "CLIENT_NOT_FOUND"),
    "run": ("run show run_nothing0", "RUN_NOT_FOUND"),
    "runs": ("runs -n 0", "INVALID_ARGUMENT"),
    "service": ("service install --port 1", "SERVICE_UNAVAILABLE"),
    "setup": ("setup chatgpt project --endpoint https://localhost/mcp", "INVALID_ENDPOINT"),
    "show": ("show --repo project src/index.py", "NOT_FOUND"),
    "start": ("start project --profile orchestrator", "DEV_RUNNER_DISABLED"),
}
NEVER_REFUSED = {
    "auth-header",
    "clients",
    "completion",
    "connect",
    "doctor",
    "forget",
    "logs",
    "man",
    "metrics",
    "passphrase",
    "repos",
    "status",
    "stop",
    "tunnel",
    "version",
}

# A repository that is not there is exit 4 in every command that names one.
NO_REPO = {
    "auth-header": "auth-header nothing",
    "audit": "audit nothing",
    "clients": "clients nothing",
    "doctor": "doctor nothing",
    "events": "events nothing",
    "forget": "forget nothing",
    "goal": "goal nothing",
    "grant": "grant ChatGPT nothing --profile planner",
    "passphrase": "passphrase show nothing",
    "raw": "raw forget repo=nothing",
    "revoke": "revoke ChatGPT nothing",
    "runs": "runs nothing",
    "setup": "setup codex nothing",
    "show": "show --repo nothing docs/spec.md",
    "start": "start nothing",
    "status": "status nothing",
    "stop": "stop nothing",
}
NAMES_NO_REPO = {
    "adopt",
    "approve",
    "completion",
    "config",
    "connect",
    "deny",
    "endpoint",
    "logs",
    "man",
    "metrics",
    "repos",
    "run",
    "service",
    "tunnel",
    "version",
}

# These say what they find without a daemon, rather than exit 3; connect needs one once its client speaks.
NEEDS_NONE = {"completion", "config", "connect", "doctor", "logs", "man", "service", "status", "version"}


@pytest.fixture
async def furnished(daemon: Running, repository: Repository, tmp_path: Path) -> Running:
    """A daemon with one repository, one client and a folder that is no repository."""
    assert await daemon.adopt(repository.path) == "project"
    await daemon.connect_client("project")
    (tmp_path / "plain").mkdir()
    return daemon


def keys(value: Any, prefix: str = "") -> Iterator[str]:
    """Yield where each value stands; a list stands for its elements."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from keys(inner, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list):
        if any(isinstance(each, dict) for each in value):
            for each in value:
                yield from keys(each, f"{prefix}[]")
        else:
            yield f"{prefix}[]"
    else:
        yield prefix


def test_the_tables_of_this_file_are_complete() -> None:
    assert set(DONE) | {"connect", "run"} == set(NAMES)
    assert set(REFUSED) | NEVER_REFUSED == set(NAMES)
    assert set(NO_REPO) | NAMES_NO_REPO == set(NAMES)
    assert not set(REFUSED) & NEVER_REFUSED
    assert not set(NO_REPO) & NAMES_NO_REPO


def test_every_command_has_a_file_and_every_file_is_a_command() -> None:
    files = {path.stem.replace("_", "-") for path in (ROOT / "ctl/rhctl/commands").glob("*.py")}
    assert files - {"--init--"} == set(NAMES)
    assert list(NAMES) == sorted(NAMES)
    for name in NAMES:
        command = find_command(name)
        assert command.name == name
        assert command.group in GROUPS
        assert command.help[0].isupper()
        assert not command.help.endswith(".")


def test_the_help_fits_a_screen_and_names_every_command_in_its_group() -> None:
    lines = short_overview().splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    at, group = dict.fromkeys(GROUPS, ""), ""
    for line in lines[2:-1]:
        group = group if line.startswith("  ") else line.removesuffix(":")
        at[group] += f"{line} "
    for name in NAMES:
        assert re.search(rf" {name}\b", at[find_command(name).group]), name


def test_the_overview_names_every_command_under_its_group() -> None:
    lines = overview().splitlines()
    assert all(len(line) <= 80 for line in lines)
    expected = [name for group in GROUPS for name in NAMES if find_command(name).group == group]
    assert [line.split()[0] for line in lines if line.startswith("  ")] == expected


# Help.


@pytest.mark.parametrize("verb", NAMES)
def test_the_help_has_an_example_and_fits_a_terminal(no_daemon: Path, verb: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", str(MAX_COLUMNS))
    said = run(verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"usage: rhctl {verb} ")
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= MAX_COLUMNS
    example = shlex.split(lines[lines.index("example:") + 1])
    assert example[:2] == ["rhctl", verb]
    assert "--json" in said.out
    assert "--home" in said.out
    assert run("help", verb).out == said.out
    assert not no_daemon.exists()


@pytest.mark.parametrize("verb", NAMES)
def test_the_example_is_a_command_line_that_is_understood(no_daemon: Path, verb: str) -> None:
    lines = run(verb, "--help").out.splitlines()
    words = shlex.split(lines[lines.index("example:") + 1])[1:]
    more = [] if verb in NEEDS_NONE else ["--no-start"]
    assert run(*words, *more).code != 2


# Exit codes.


@pytest.mark.parametrize("verb", NAMES)
def test_exit_2_is_a_command_line_that_is_not_understood(no_daemon: Path, verb: str) -> None:
    said = run(verb, "--no-such-option", "--json")
    assert (said.code, said.refusal, said.err) == (2, "USAGE", "")
    assert said.json["error"]["next_step"] == f"See: rhctl {verb} --help"
    plain = run(verb, "--no-such-option")
    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith("rhctl: ")
    assert not no_daemon.exists()


@pytest.mark.parametrize("verb", sorted(set(NAMES) - NEEDS_NONE))
def test_exit_3_is_no_daemon(no_daemon: Path, verb: str, tmp_path: Path) -> None:
    words = NO_REPO.get(verb) or (DONE.get(verb) or REFUSED[verb])[0].format(code="abcd-efgh")
    said = run(*words.split(), "--no-start", "--json")
    assert (said.code, said.refusal, said.err) == (3, "NO_DAEMON", "")
    plain = run(*words.split(), "--no-start")
    assert (plain.code, plain.out) == (3, "")
    assert not no_daemon.exists()


@pytest.mark.parametrize("verb", sorted(NO_REPO))
async def test_exit_4_is_no_such_repository(furnished: Running, verb: str) -> None:
    said = await type_in(*NO_REPO[verb].split(), "--json")
    assert (said.code, said.refusal, said.err) == (4, "REPO_NOT_FOUND", "")
    assert "project" in said.json["error"]["message"]
    plain = await type_in(*NO_REPO[verb].split())
    assert (plain.code, plain.out) == (4, "")
    assert len((await furnished.call("clients"))["clients"]) == 1


@pytest.mark.parametrize("verb", sorted(REFUSED))
async def test_exit_1_is_a_refusal_with_a_code_and_a_next_step(furnished: Running, verb: str) -> None:
    words, code = REFUSED[verb]
    said = await type_in(*words.split(), "--json")
    assert (said.code, said.refusal, said.err) == (1, code, "")
    error = said.json["error"]
    assert code in CODES
    assert error["next_step"]
    plain = await type_in(*words.split())
    assert (plain.code, plain.out) == (1, "")
    assert plain.err.splitlines() == [f"rhctl: {error['message']}", f"  {error['next_step']}"]


@pytest.mark.parametrize("verb", sorted(DONE))
async def test_exit_0_is_done_and_one_json_object_with_the_keys_of_the_first_release(
    furnished: Running, repository: Repository, verb: str
) -> None:
    words, expected = DONE[verb]
    if verb == "goal":
        repository.write(".ai/harness/handoff/codex-goal.md", "# Codex Goal\n")
    if "{code}" in words:
        words = words.format(code=furnished.begin_login("Other"))
    said = await type_in(*words.split(), "--json")
    assert (said.code, said.err) == (0, "")
    assert set(keys(said.json)) == expected


@pytest.mark.parametrize("words", MORE_KEYS)
async def test_the_other_answers_of_a_command_have_their_keys_too(furnished: Running, words: str) -> None:
    said = await type_in(*words.split(), "--json")
    assert (said.code, said.err) == (0, "")
    assert set(keys(said.json)) == MORE_KEYS[words]
