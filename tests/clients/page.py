"""The part of `docs/clients.md` that `make clients` writes: which clients ran, in which version, and what passed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    "test_setup.py": ("@openai/codex", "@google/gemini-cli", "@qwen-code/qwen-code", "opencode-ai"),
}
"""The clients of each test file whose tests do not name their client themselves."""


@dataclass
class Outcome:
    """What became of the tests of one client.

    Attributes:
        reports: addresses of the client's own reports of what makes tests of it fail.
    """

    counts: Counter[str] = field(default_factory=Counter)
    reports: set[str] = field(default_factory=set)


def current_hash() -> str:
    """Return the hash of the tools that every profile together is shown."""
    return tools_hash(frozenset(PROFILES), is_hub=True)


def stated_hash() -> str | None:
    """Return the hash of the tools that the page's clients were run with."""
    found = re.search(r"tools hash `(\w+)`", PAGE.read_text())
    return found[1] if found else None


def stated_files() -> set[str]:
    """Return the test files that have a row."""
    return set(_rows())


def write(outcomes: Mapping[tuple[str, str | None], Outcome], date: str) -> None:
    """Write the page's part; rows of files that did not run stay if they are of the same tools.

    Args:
        outcomes: by test file, and by client where the tests name it.
        date: of the run, `YYYY-MM-DD`.
    """
    versions = json.loads((HERE / "package.json").read_text())["dependencies"]
    rows = _rows() if stated_hash() == current_hash() else {}
    for name, _ in outcomes:
        rows[name] = []
    for (name, client), outcome in sorted(outcomes.items(), key=lambda each: (each[0][0], each[0][1] or "")):
        named = client or ", ".join(f"{package} {versions[package]}" for package in PACKAGES.get(name, ()))
        if named:
            counts = outcome.counts
            cells = [named, f"`{name}`", counts["passed"], counts["failed"], counts["skipped"]]
            rows[name].append(f"| {' | '.join(map(str, cells))} | {' '.join(sorted(outcome.reports))} |")
    lines = [
        f"Run on {date} by `make clients`, with the tools hash `{current_hash()}`.",
        "",
        "| client | tests | passed | failed | skipped | known fault of the client |",
        "| --- | --- | --- | --- | --- | --- |",
        *(row for name in sorted(rows) for row in rows[name]),
    ]
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(head + BEGIN + "\n".join(lines) + "\n" + END + tail)


def _rows() -> dict[str, list[str]]:
    """Return the page's rows by test file."""
    rows: dict[str, list[str]] = {}
    for row in PAGE.read_text().partition(BEGIN)[2].partition(END)[0].splitlines():
        if (found := re.search(r"\| `(test_\w+\.py)` \|", row)) is not None:
            rows.setdefault(found[1], []).append(row)
    return rows
