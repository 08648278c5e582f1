"""`make conformance`: the official suite, both revisions, against the stack, the product and the login."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import trio

from rhwire.version import VERSION
from tests.conformance.baseline import Baseline, differences, read_baseline
from tests.conformance.page import Result, read_counts, render
from tests.conformance.suite import PACKAGE, REVISIONS, Suite
from tests.conformance.targets import examine_authorization, examine_server
from tests.support.npm import Programs, Unavailable

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


async def examine(suite: Suite, base: Path) -> dict[str, list[Result]]:
    """Run everything, one after the other: timings on a shared machine are noisy enough."""
    found: dict[str, list[Result]] = {"stack": [], "product": [], "authorization": []}
    for revision in REVISIONS:
        baseline, folder = read_baseline("fixtures", revision), base / f"stack-{revision}"
        module = "tests.conformance.daemon"
        run = await examine_server(suite, folder, revision, list(baseline.failed), module=module, hub=False)
        found["stack"].append(_said(Result("the suite's fixtures", run, baseline)))
    for what, hub in (("a repository", False), ("the hub", True)):
        for revision in REVISIONS:
            baseline, folder = read_baseline("product", revision), base / f"product-{revision}-{hub}"
            run = await examine_server(suite, folder, revision, list(baseline.failed), module="rhd", hub=hub)
            found["product"].append(_said(Result(what, run, baseline)))
    for revision in REVISIONS:
        run = await examine_authorization(suite, base / f"authorization-{revision}", revision)
        found["authorization"].append(_said(Result("the daemon's login", run, Baseline())))
    return found


def judge(found: Mapping[str, list[Result]], counts: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """Yield what does not hold.

    Args:
        counts: how many checks each run brought before.
    """
    proofs = {result.run.revision: result.run for result in found["stack"]}
    for part, results in found.items():
        for what, run, baseline in results:
            proof = proofs[run.revision] if part == "product" else None
            for line in differences(run, baseline, proof=proof, before=counts.get((run.revision, what))):
                yield f"{part}, {what}, {line}"


def _said(result: Result) -> Result:
    checks = result.run.of(result.run.required)
    passed = sum(not check.is_failed for check in checks)
    print(f"{result.run.revision}  {result.what:<22} {passed:>4} of {len(checks)} checks", flush=True)
    return result


def main() -> int:
    """Return 0 if everything holds; then the page says so."""
    try:
        programs = Programs(Path(__file__).parent / "package.json")
    except Unavailable as why:
        print(f"conformance: {why}", file=sys.stderr)
        return 1
    suite = Suite(programs)
    with tempfile.TemporaryDirectory(prefix="conformance-") as base:
        found = trio.run(examine, suite, Path(base))
    if wrong := list(judge(found, read_counts(PAGE.read_text(), suite.version))):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    node = subprocess.run([programs.node, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    versions = {
        "repo-harness": VERSION,
        PACKAGE: suite.version,
        "mcp, the Python SDK": version("mcp"),
        "hypercorn": version("hypercorn"),
        "trio": version("trio"),
        "Python": platform.python_version(),
        "Node.js, for the suite": node.strip().removeprefix("v"),
    }
    PAGE.write_text(render(versions, datetime.now(UTC).date().isoformat(), **found))
    print(f"written: {PAGE.relative_to(PAGE.parents[1])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
