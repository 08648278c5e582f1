"""The environment of an agent."""

from __future__ import annotations

from rhd.runner.agent_environment import agent_environment


def test_only_what_is_on_the_list_is_handed_on() -> None:
    given = {
        "HOME": "/home/me", "PATH": "/usr/bin", "LANG": "de_DE.UTF-8", "LC_TIME": "C", "HTTPS_PROXY": "http://p",
        "CODEX_HOME": "/c", "CLAUDE_CONFIG_DIR": "/l", "OPENAI_API_KEY": "k", "AWS_SECRET": "s", "LD_PRELOAD": "x",
        "PYTHONPATH": "p", "NOTIFY_SOCKET": "n", "XDG_RUNTIME_DIR": "/run/user/1", "REPO_HARNESS_MCP_DEV_RUNNER": "1",
    }  # fmt: skip
    found = agent_environment(given, own=["CODEX_HOME"], more=["OPENAI_API_KEY"])
    expected = {"HOME", "PATH", "LANG", "LC_TIME", "HTTPS_PROXY", "CODEX_HOME", "OPENAI_API_KEY", "TERM", "NO_COLOR"}
    assert set(found) == expected


def test_programs_are_never_looked_up_in_the_repository() -> None:
    assert agent_environment({"PATH": ".:bin::/usr/bin"})["PATH"] == "/usr/bin"
    assert agent_environment({})["PATH"] == "/usr/local/bin:/usr/bin:/bin"
