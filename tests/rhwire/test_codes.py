from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from rhwire.codes import CODES, exit_code

SOURCES = [p for top in ("ctl", "daemon") for p in sorted(Path(top).rglob("*.py"))]


def test_codes_are_sorted_upper_snake_and_say_what_to_do() -> None:
    assert list(CODES) == sorted(CODES, key=lambda code: code.split("_"))
    for code, (when, next_step) in CODES.items():
        assert re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", code)
        assert when.endswith((".", ":"))
        assert next_step


@pytest.mark.parametrize(
    ("code", "expected"), [("USAGE", 2), ("NO_DAEMON", 3), ("REPO_NOT_FOUND", 4), ("NOT_FOUND", 1)]
)
def test_exit_codes(code: str, expected: int) -> None:
    assert exit_code(code) == expected


def test_every_code_that_the_sources_name_is_in_the_list() -> None:
    """`code="X"` and `code = "X"` anywhere name a code of the list; a typo would be told to clients for ever."""
    named: dict[str, str] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            values: list[ast.expr] = []
            if isinstance(node, ast.Call):
                values = [k.value for k in node.keywords if k.arg == "code"]
            elif isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "code" for t in node.targets):
                values = [node.value]
            for value in values:
                if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value.isupper():
                    named[value.value] = str(path)
    assert named
    assert {code: path for code, path in named.items() if code not in CODES} == {}
