"""The official suite: run against a URL, and what it found. Nothing here knows the daemon."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from tests.support.npm import Programs

PACKAGE = "@modelcontextprotocol/conformance"
REVISIONS = ("2025-11-25", "2026-07-28")
WITHIN_S = 600
Visit = Callable[[str], Awaitable[None]]
_SEVERITY = ("FAILURE", "WARNING", "SKIPPED", "SUCCESS", "INFO")


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one scenario; a check that a scenario makes several times is as bad as its worst."""

    scenario: str
    id: str
    status: str
    said: str

    @property
    def name(self) -> str:
        """How a baseline calls it."""
        return f"{self.scenario}:{self.id}"

    @property
    def is_failed(self) -> bool:
        """Whether it is held against the server; a SHOULD that is not met is."""
        return self.status in ("FAILURE", "WARNING")

    @property
    def is_counted(self) -> bool:
        """Whether it says anything; the rest only informs, or was left out."""
        return self.is_failed or self.status == "SUCCESS"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run found.

    Attributes:
        unscored: scenarios that were run but that the revision does not require, and the suite's word for why.
        exit_code: the suite's own verdict, given the same baseline.
    """

    revision: str
    checks: tuple[Check, ...]
    required: tuple[str, ...]
    unscored: Mapping[str, str]
    exit_code: int

    def of(self, scenarios: Iterable[str]) -> list[Check]:
        """Return the checks of these scenarios that say anything."""
        names = set(scenarios)
        return [check for check in self.checks if check.scenario in names and check.is_counted]

    def is_passed(self, scenario: str) -> bool:
        """Whether a scenario was run, and nothing that it checked failed."""
        checks = self.of([scenario])
        return bool(checks) and not any(check.is_failed for check in checks)


class Suite:
    """The suite, installed."""

    def __init__(self, programs: Programs) -> None:
        package = programs.package(PACKAGE)
        self._command = [str(programs.node), str(package / "dist" / "index.js")]
        self.version = json.loads((package / "package.json").read_text())["version"]

    def requirements(self, revision: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """Return the server scenarios that a revision requires, and those that are only run, with the reason."""
        scored, _, rest = self._list("--requirements", revision).partition("Client scenarios")
        unscored, reason = {}, ""
        for line in rest.splitlines():
            if heading := re.fullmatch(r"  (\S+) \(\d+\):", line):
                reason = heading[1]
            elif found := re.fullmatch(r"    - (\S+) \[server\]", line):
                unscored[found[1]] = reason
        return tuple(re.findall(r"^  - (\S+)$", scored, re.M)), unscored

    def authorization(self, revision: str) -> tuple[str, ...]:
        """Return the scenarios for an authorization server, as a run names them."""
        said = self._list("--authorization", "--spec-version", revision)
        return tuple(re.findall(r"^  - (\S+) \[", said, re.M))

    def _list(self, *words: str) -> str:
        command = [*self._command, "list", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    async def run_server(self, url: str, revision: str, folder: Path, baseline: Iterable[str]) -> Run:
        """Run what a revision requires of a server.

        Args:
            folder: for the results; new.
            baseline: names of checks that are expected to fail.
        """
        required, unscored = self.requirements(revision)
        scored = [line for line in baseline if line.partition(":")[0] in required]
        words = ["server", "--url", url, "--requirements", revision, "-o", str(folder)]
        folder.mkdir(parents=True)
        if scored:
            expected = folder / "expected.yml"
            expected.write_text("server:\n" + "".join(f"  - {line}\n" for line in scored))
            words += ["--expected-failures", str(expected)]
        async with self._running(words) as lines:
            exit_code = await lines(lambda line: trio.lowlevel.checkpoint())
        return Run(revision, read_checks(folder, "server-"), required, unscored, exit_code)

    async def run_authorization(
        self, issuer: str, resource: str, client_id: str, port: int, revision: str, folder: Path, visit: Visit
    ) -> Run:
        """Run the scenarios for an authorization server.

        Args:
            port: where the suite waits for the redirect.
            visit: opens the address of the login as a person would.
        """
        words = ["authorization", "--url", issuer, "--client-id", client_id, "--port", str(port)]
        words += ["--resource", resource, "--spec-version", revision, "-o", str(folder)]

        async def look(line: str) -> None:
            if line.startswith(f"{issuer}/authorize?"):
                await visit(line)

        async with self._running(words) as lines:
            exit_code = await lines(look)
        return Run(revision, read_checks(folder, "authorization-server-"), self.authorization(revision), {}, exit_code)

    @asynccontextmanager
    async def _running(self, words: list[str]) -> AsyncIterator[Callable[[Visit], Awaitable[int]]]:
        """Yield a function that passes on every line that the suite prints and returns its exit code."""
        with trio.fail_after(WITHIN_S):
            process = await trio.lowlevel.open_process([*self._command, *words], stdout=subprocess.PIPE)
            assert process.stdout is not None
            stream = process.stdout

            async def lines(look: Visit) -> int:
                rest = b""
                async for data in stream:
                    *whole, rest = (rest + data).split(b"\n")
                    for line in whole:
                        await look(line.decode("utf-8", "replace").strip())
                return await process.wait()

            try:
                yield lines
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


def read_checks(folder: Path, prefix: str) -> tuple[Check, ...]:
    """Return what the suite wrote: a folder a scenario, named by it and the time."""
    worst: dict[str, Check] = {}
    for file in sorted(folder.glob("*/checks.json"), key=lambda path: path.stat().st_mtime_ns):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT[\d-]+Z\Z", "", file.parent.name.removeprefix(prefix))
        for found in json.loads(file.read_text()):
            check = Check(scenario, found["id"], found["status"], found.get("errorMessage") or "")
            before = worst.get(check.name)
            if before is None or _SEVERITY.index(check.status) < _SEVERITY.index(before.status):
                worst[check.name] = check
    return tuple(worst.values())
