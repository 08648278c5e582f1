"""The table of agents: command lines, names and rules."""

from __future__ import annotations

import pytest

from rhd.errors import Refusal
from rhd.runner.agents import AGENTS, MAX_RULES, check_rules, find_agent, parse_agents


def test_command_lines_name_sandbox_and_permissions_and_never_hold_the_goal() -> None:
    assert AGENTS["codex"].words(()) == ["exec", "--json", "--sandbox", "workspace-write", "-"]
    claude = ["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits"]
    claude += ["--setting-sources", "user"]
    assert AGENTS["claude"].words(()) == claude
    rules = ["Bash(pytest *)", "Bash(ruff check *)"]
    assert AGENTS["claude"].words(rules) == [*claude, "--allowedTools", *rules]
    for agent in AGENTS.values():
        words = [*agent.words(rules), *agent.login, *agent.version]
        assert not {"--trust", "--dangerously-bypass-approvals-and-sandbox", "bypassPermissions"} & set(words)
        assert agent.permissions
        assert agent.tested
        assert agent.install


@pytest.mark.parametrize(
    ("text", "names"),
    [(None, ("codex",)), ("", ("codex",)), (" , ", ("codex",)), ("claude,Codex,claude", ("claude", "codex"))],
)
def test_names_are_read_as_they_are_typed(text: str | None, names: tuple[str, ...]) -> None:
    assert parse_agents(text) == names


@pytest.mark.parametrize("name", ["gpt", "codex claude", "../codex", "Codex"])
def test_an_unknown_agent_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        find_agent(name)
    assert refused.value.code == "INVALID_AGENT"
    assert refused.value.next_step == "Use one of: claude, codex"


def test_rules_are_a_tool_s_name_with_or_without_a_pattern() -> None:
    assert check_rules(["Bash(a)", "mcp__x__y", "Bash(a)"]) == ("Bash(a)", "mcp__x__y")
    for bad in (["-x"], ["Bash(a"], [""], [None], [f"Bash({n})" for n in range(MAX_RULES + 1)]):
        with pytest.raises(Refusal):
            check_rules(bad)
