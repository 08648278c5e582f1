"""`make clients` is a success only if clients ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = """
import pathlib, sys, pytest, tests.support.npm
tests.support.npm.CACHE = pathlib.Path(sys.argv[1])
words = ["--override-ini=testpaths=tests/clients", "-p", "no:cacheprovider", "tests/clients/test_inspector.py"]
sys.exit(pytest.main(words))
"""


@pytest.mark.slow
def test_real_clients_that_cannot_be_had_are_a_failure_that_says_why(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "npm")],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "no client can be had here: npm is not installed" in done.stdout
    assert "skipped" not in done.stdout
