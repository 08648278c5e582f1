"""The agent frameworks for Python: each converts the schemas in its own way, and calls tools as a model would.

The name of this file makes it run first: the other tests take the network away from this process, and pip needs it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rhd.access import PROFILES
from rhd.mcpserver.tools.tool_table import described_tools
from tests.support.daemons import Daemon, environment
from tests.support.npm import CACHE
from tests.support.repositories import Repository

HERE = Path(__file__).parent
REQUIREMENTS = {
    re.split(r"[\[=]", line)[0]: line
    for line in (HERE / "requirements-frameworks.txt").read_text().splitlines()
    if line and not line.startswith("#")
}
INSTALL_WITHIN_S, RUN_WITHIN_S = 900, 180
# None of them may tell its vendor anything.
QUIET = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "LANGSMITH_TRACING": "false",
}

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("write_prd_from_idea", {"title": "Search", "idea": "Find things."}),
    (
        "write_checklist_sprint",
        {"title": "Search", "prd_path": "$PRD", "tasks": [{"title": "Index", "objective": "There is an index."}]},
    ),
    ("list_workflow_files", {"kind": "prd"}),
    ("read_workflow_file", {"path": "$PRD"}),
    ("read_workflow_file", {"path": "plans/none.md"}),
]


def interpreter(name: str) -> Path:
    """Return the Python of a framework's venv, which is built when its requirement has changed."""
    folder, wanted = CACHE.parent / "venvs" / name, REQUIREMENTS[name]
    python, stamp = folder / "bin/python", folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=120)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
        subprocess.run(pip, check=True, timeout=INSTALL_WITHIN_S)
        stamp.write_text(wanted)
    return python


@pytest.mark.timeout(INSTALL_WITHIN_S + RUN_WITHIN_S)
@pytest.mark.parametrize(
    ("framework", "script", "is_strict"),
    [
        ("langchain-mcp-adapters", "use_langchain.py", False),
        ("openai-agents", "use_openai_agents.py", False),
        ("openai-agents", "use_openai_agents.py", True),
        ("google-adk", "use_google_adk.py", False),
        ("crewai", "use_crewai.py", False),
    ],
)
def test_a_framework_converts_every_tool_and_calls_them(
    daemon: Daemon, repository: Repository, tmp_path: Path, framework: str, script: str, is_strict: bool
) -> None:
    slug = daemon.rhctl("adopt", str(repository.path))["slug"]
    plan = {
        "command": sys.executable,
        "arguments": ["-m", "rhctl", "connect", "--home", str(daemon.home), "--repo", slug],
        "environment": environment(),
        "calls": CALLS,
        "is_strict": is_strict,
    }
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [interpreter(framework), HERE / "frameworks" / script, json.dumps(plan)],
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN_S,
        env={**own, **QUIET, "HOME": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    shown = described_tools(frozenset(PROFILES) - {"orchestrator"}, is_hub=False)
    assert answer["tools"] == sorted(tool["name"] for tool in shown)
    prd, sprint, listed, read, refused = answer["said"]
    path = json.loads(prd)["path"]
    assert json.loads(sprint)["cards"] == 1
    assert path in [each["path"] for each in json.loads(listed)["files"]]
    assert json.loads(read)["content"] == repository.read(path)
    assert "NOT_FOUND: " in refused
    assert "Next: " in refused
