"""What node makes of JSON: the judge of how our results are written."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence

import pytest

_SCRIPT = """
const read = require("fs").readFileSync(0, "utf8");
process.stdout.write(JSON.stringify(read.split("\\n").map((each) => JSON.stringify(JSON.parse(each)))));
"""


def stringify(values: Sequence[object]) -> list[str]:
    """Return what `JSON.stringify` prints of each value; skips the test where there is no node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    lines = "\n".join(map(json.dumps, values))
    done = subprocess.run([node, "-e", _SCRIPT], input=lines, capture_output=True, text=True, check=True, timeout=60)
    found: list[str] = json.loads(done.stdout)
    return found
