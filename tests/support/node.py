"""What node makes of JSON: the judge of how our results are written."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

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


def assert_printed_as_by_node(results: Sequence[Any]) -> None:
    """Assert that the text of each tool's result is what `JSON.stringify` prints of its structured content."""
    assert not [result.content for result in results if result.is_error]
    said = [result.structured_content for result in results]
    assert [result.content[0].text for result in results] == stringify(said)
    assert not [where for each in said for where in _unstable(each, "")]


def _unstable(value: object, where: str) -> Iterator[str]:
    """Yield where a value stands that node may print otherwise: a float, or a key that it takes for an index."""
    if isinstance(value, float):
        yield where
    elif isinstance(value, dict):
        for name, each in value.items():
            if name.isdecimal():
                yield f"{where}.{name}"
            yield from _unstable(each, f"{where}.{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _unstable(each, f"{where}[{number}]")
