"""The part of `docs/clients.md` that `make clients` writes: which clients ran, in which version, and what passed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rhd.access import PROFILES
from rhd.mcpserver.tools.tool_table import tools_hash

PAGE = Path(__file__).parents[2] / "docs/clients.md"
HERE = Path(__file__).parent
BEGIN, END = "<!-- tested: begin -->\n", "<!-- tested: end -->\n"

PACKAGES = {
    "test_agent_runs.py": ("@openai/codex", "@anthropic-ai/claude-code"),
    "test_claude_code.py": ("@anthropic-ai/claude-code",),
    "test_codex.py": ("@openai/codex",),
    "test_goal.py": ("@openai/codex",),
    "test_inspector.py": ("@modelcontextprotocol/inspector",),
    "test_mcp_remote.py": ("mcp-remote",),
    "test_setup.py": ("@google/gemini-cli", "@qwen-code/qwen-code", "opencode-ai"),
}
"""The clients of each test file; those of the frameworks stand in their requirements."""


def current_hash() -> str:
    """Return the hash of the tools that every profile together is shown."""
    return tools_hash(frozenset(PROFILES), is_hub=True)


def stated_hash() -> str | None:
    """Return the hash of the tools that the page's clients were run with."""
    found = re.search(r"tools hash `(\w+)`", PAGE.read_text())
    return found[1] if found else None


def write(outcomes: Mapping[str, Counter[str]], date: str) -> None:
    """Write the page's part.

    Args:
        outcomes: how many tests of each file passed, failed or were skipped.
        date: of the run, `YYYY-MM-DD`.
    """
    versions = json.loads((HERE / "package.json").read_text())["dependencies"]
    frameworks = (HERE / "requirements-frameworks.txt").read_text().splitlines()
    lines = [
        f"Run on {date} by `make clients`, with the tools hash `{current_hash()}`.",
        "",
        "| clients | passed | failed | skipped |",
        "| --- | --- | --- | --- |",
    ]
    for name, counts in sorted(outcomes.items()):
        named = [f"{package} {versions[package]}" for package in PACKAGES.get(name, ())]
        if name == "test_agent_frameworks.py":
            named = [line for line in frameworks if line and not line.startswith("#")]
        if named:
            lines.append(f"| {', '.join(named)} | {counts['passed']} | {counts['failed']} | {counts['skipped']} |")
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(head + BEGIN + "\n".join(lines) + "\n" + END + tail)
