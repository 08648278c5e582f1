"""The agents that can be run: one entry each, with its command line, its checks and the reader of its output.

Nothing else in the daemon knows an agent by name; another one is another entry.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from rhd.errors import Refusal
from rhd.runner.claude_stream import read_claude
from rhd.runner.codex_stream import read_codex
from rhd.runner.run_progress import Item, RunProgress
from rhwire.escape import escape

MAX_RULES = 50
_RULE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}(?:\([^\x00-\x1f\x7f]{1,300}\))?")


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent.

    Attributes:
        name: as in `--dev-runner-agents` and in the tool's `agent`.
        title: for people.
        program: looked up on the daemon's PATH.
        words: returns what stands behind the program; the goal comes on standard input, never here. Its argument is the
            owner's list of rules (`rhctl start --allow`).
        permissions: what the agent may do without asking, for the owner.
        version: the words that print its version.
        login: the words of the check that exits with 0 if it is logged in.
        sign_in: the command that logs in.
        install: where it comes from.
        variables: of the environment, which it is given besides the common ones.
        read: reads one event of its output into a run's progress, and returns what the owner is shown of it.
        tested: the version that was tested.
        takes_rules: the owner's rules (`rhctl start --allow`) are for it.
        needs_no_login: returns whether it is configured so that its login does not matter; blocking.
    """

    name: str
    title: str
    program: str
    words: Callable[[Sequence[str]], list[str]]
    permissions: str
    version: tuple[str, ...]
    login: tuple[str, ...]
    sign_in: str
    install: str
    variables: tuple[str, ...]
    read: Callable[[Mapping[str, Any], RunProgress], list[Item]]
    tested: str
    takes_rules: bool = False
    needs_no_login: Callable[[Mapping[str, str]], bool] = lambda _: False


def _codex(rules: Sequence[str]) -> list[str]:
    return ["exec", "--json", "--sandbox", "workspace-write", "-"]


def _has_own_provider(environ: Mapping[str, str]) -> bool:
    """Return whether Codex is configured for another provider than its vendor."""
    home = environ.get("CODEX_HOME") or os.path.join(environ.get("HOME", "/"), ".codex")
    try:
        with open(os.path.join(home, "config.toml"), "rb") as stream:
            return bool(tomllib.load(stream).get("model_provider", "openai") != "openai")
    except (OSError, ValueError):
        return False


def _claude(rules: Sequence[str]) -> list[str]:
    words = ["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits"]
    # Without a terminal it runs the hooks even of a repository that its user has not declared trusted.
    words += ["--setting-sources", "user"]
    return [*words, "--allowedTools", *rules] if rules else words


def _table(*agents: Agent) -> Mapping[str, Agent]:
    table = {agent.name: agent for agent in agents}
    assert list(table) == sorted(table), "the table of agents is sorted"
    return MappingProxyType(table)


AGENTS = _table(
    Agent(
        name="claude",
        title="Claude Code",
        program="claude",
        words=_claude,
        permissions="edits files of the repository (permission mode acceptEdits) and runs the commands that --allow or "
        "your own settings name, whatever the repository's settings say",
        version=("--version",),
        login=("auth", "status"),
        sign_in="claude auth login",
        install="npm install -g @anthropic-ai/claude-code",
        variables=("CLAUDE_CONFIG_DIR",),
        read=read_claude,
        tested="2.1.330",
        takes_rules=True,
    ),
    Agent(
        name="codex",
        title="Codex",
        program="codex",
        words=_codex,
        permissions="edits files and runs commands in the repository, in its own sandbox (workspace-write: no network, "
        ".git is read-only)",
        version=("--version",),
        login=("login", "status"),
        sign_in="codex login",
        install="npm install -g @openai/codex",
        variables=("CODEX_HOME",),
        read=read_codex,
        tested="0.169.0",
        needs_no_login=_has_own_provider,
    ),
)

DEFAULT_AGENTS = ("codex",)


def find_agent(name: str) -> Agent:
    """Return the agent of a name.

    Raises:
        Refusal: INVALID_AGENT.
    """
    if name not in AGENTS:
        known = ", ".join(AGENTS)
        raise Refusal(
            f"there is no agent {escape(name[:40])!r}", code="INVALID_AGENT", next_step=f"Use one of: {known}"
        )
    return AGENTS[name]


def parse_agents(text: str | None) -> tuple[str, ...]:
    """Return the names of the agents in a list such as `codex,claude`; the default ones if it names none.

    Raises:
        Refusal: INVALID_AGENT.
    """
    names = [name.strip().lower() for name in (text or "").split(",") if name.strip()]
    return tuple(dict.fromkeys(find_agent(name).name for name in names)) or DEFAULT_AGENTS


def check_rules(rules: Iterable[Any]) -> tuple[str, ...]:
    """Return rules for what Claude Code may run, such as `Bash(pytest *)`, without repetitions.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    found = tuple(dict.fromkeys(rules))
    for rule in found:
        if not isinstance(rule, str) or not _RULE.fullmatch(rule):
            raise Refusal(
                f"{escape(str(rule)[:80])!r} is not a rule of Claude Code",
                code="INVALID_ARGUMENT",
                next_step="Write a tool's name, with a pattern in parentheses: --allow 'Bash(pytest *)'",
            )
    if len(found) > MAX_RULES:
        raise Refusal(f"there are more than {MAX_RULES} rules", code="INVALID_ARGUMENT")
    return found
