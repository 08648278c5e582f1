"""The SDKs' own clients and the agent frameworks: each converts our schemas, and calls as a model would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients import chain, venvs
from tests.clients.client_home import Seat
from tests.promises.test_chain import PLANNER_TOOLS
from tests.support.daemons import environment

HERE = Path(__file__).parent
NODE_PACKAGES: dict[str, str] = json.loads((HERE / "package.json").read_text())["dependencies"]
# None of them may tell its vendor anything.
QUIET = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "LANGSMITH_TRACING": "false",
}


class Library(NamedTuple):
    """A client that a script of ours drives.

    Attributes:
        package: its line in requirements-frameworks.txt, or its npm package.
        plan: what its script has to know beside the place.
    """

    package: str
    script: str
    plan: dict[str, Any]

    @property
    def version(self) -> str:
        """The package and its version, as the page of clients shows them."""
        return f"{self.package} {NODE_PACKAGES[self.package]}" if self.script.endswith(".mjs") else self.package


LIBRARIES = {
    "python 1.30": Library("mcp==1.30.0", "use_mcp_1.py", {}),
    "python 2, handshake era": Library("mcp==2.3.0", "use_mcp_2.py", {"mode": "legacy"}),
    "python 2, 2026 era": Library("mcp==2.3.0", "use_mcp_2.py", {"mode": "auto"}),
    "typescript 1": Library("@modelcontextprotocol/sdk", "use_typescript.mjs", {}),
    "typescript 2, handshake era": Library("@modelcontextprotocol/client", "use_typescript.mjs", {"mode": "legacy"}),
    "typescript 2, 2026 era": Library("@modelcontextprotocol/client", "use_typescript.mjs", {"mode": "auto"}),
    "fastmcp": Library("fastmcp==4.2.3", "use_fastmcp.py", {}),
    "langchain": Library("langchain-mcp-adapters==0.3.2", "use_langchain.py", {}),
    "openai-agents": Library("openai-agents==0.24.0", "use_openai_agents.py", {"is_strict": False}),
    "openai-agents, strict": Library("openai-agents==0.24.0", "use_openai_agents.py", {"is_strict": True}),
    "google-adk": Library("google-adk[mcp]==2.13.0", "use_google_adk.py", {}),
    "crewai": Library("crewai==1.15.30", "use_crewai.py", {}),
}

KNOWN = {
    # The call succeeds; closing its connection, one a call, raises "Error during MCP client disconnect".
    ("crewai", "http"): "https://github.com/crewAIInc/crewAI/pull/4634",
}
"""By library and transport, the client's own report of what makes it fail; a test that passes nevertheless fails."""


@contextmanager
def driven(seat: Seat, library: Library, place: dict[str, Any]) -> Iterator[tuple[list[str], Callable[..., str]]]:
    """Yield the names of the tools that a library shows, and what calls one and returns the text that a model gets."""
    plan = {
        "command": sys.executable,
        "arguments": ["-m", "rhctl", "connect", "--home", str(seat.daemon.home), "--repo", seat.slug],
        "environment": environment(),
        "url": None,
        "headers": {},
        "package": library.package,
        "modules": str(seat.programs.folder),
        **library.plan,
        **place,
    }
    is_python = library.script.endswith(".py")
    program = venvs.interpreter(library.package) if is_python else seat.programs.node
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with (
        open(seat.home / "library.log", "w+") as log,
        subprocess.Popen(
            [program, HERE / "frameworks" / library.script, json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**own, **QUIET, "HOME": str(seat.home)},
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        given, told = process.stdin, process.stdout

        def hear() -> Any:
            for line in told:
                if line.startswith(("[", '"')):  # some print other things too
                    return json.loads(line)
            log.seek(0)
            pytest.fail(f"it ended:\n{log.read()[-3000:]}")

        def call(tool: str, arguments: dict[str, Any]) -> str:
            given.write(json.dumps([tool, arguments]) + "\n")
            given.flush()
            return str(hear())

        try:
            yield hear(), call
        finally:
            process.kill()


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("name", LIBRARIES)
async def test_a_library_walks_the_chain_and_keeps_its_tools(
    seat: Seat, name: str, transport: str, request: pytest.FixtureRequest, record_property: Callable[..., None]
) -> None:
    library = LIBRARIES[name]
    record_property("client", f"{library.version}, {transport}")
    if (report := KNOWN.get((name, transport))) is not None:
        request.applymarker(pytest.mark.xfail(reason=report, strict=True))
    place: dict[str, Any] = {}
    if transport == "http":
        headers = {"Authorization": f"Bearer {await seat.token(seat.url)}"}
        place = {"url": seat.url, "headers": headers}
    results: list[str] = []
    with driven(seat, library, place) as (names, call):
        assert names == sorted(PLANNER_TOOLS)
        for step in chain.steps(seat):
            if step.before is not None:
                step.before()
            results.append(call(step.tool, step.arguments(results)))
    chain.check(seat, results)
