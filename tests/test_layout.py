"""Every module has its test file, and every test file its module: `daemon/rhd/x/y.py` has `tests/rhd/x/test_y.py`.

That no module imports upward is import-linter's matter.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"rhd": ROOT / "daemon/rhd", "rhwire": ROOT / "ctl/rhwire", "rhctl": ROOT / "ctl/rhctl"}

WITHOUT_TEST: dict[str, str] = {
    "rhd/web/serving/test_server_limits.py": "numbers alone; test_http_server and test_connection_slots test them",
    "rhctl/managers/test_manager.py": "types alone; test_systemd and test_launchd test what implements them",
}
"""Modules with code and without a test file of their own, and why."""

WITHOUT_MODULE = {
    "rhd/oauth/test_machine.py": "a state machine over the whole room, in any order of requests",
    "rhd/web/test_attacks.py": "attacks on the whole public port, named after what they do",
    "rhd/web/test_sdk_client.py": "the official client's login against the whole room",
    "rhd/workflow/test_attacks.py": "attacks on the whole room, named after what they do",
    "rhd/workflow/test_audit_hook.py": "the judge that every other test relies on",
}
"""Test files that are about no one module, and why."""


def has_code(path: Path) -> bool:
    """Say whether a module has anything that could behave; types, constants and tables alone do not."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    return any(isinstance(node, kinds) for node in ast.walk(ast.parse(path.read_text())))


def modules(package: str) -> list[Path]:
    return sorted(path for path in PACKAGES[package].rglob("*.py"))


def place_of(package: str, module: Path) -> str:
    """Return where a module's tests belong, relative to `tests`."""
    inside = module.relative_to(PACKAGES[package])
    return (Path(package) / inside.parent / f"test_{inside.name}").as_posix()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_with_code_has_its_test_file(package: str) -> None:
    wanted = [place_of(package, path) for path in modules(package) if path.name != "__init__.py" and has_code(path)]
    assert len(wanted) > 5
    missing = [name for name in wanted if name not in WITHOUT_TEST and not (ROOT / "tests" / name).is_file()]
    assert missing == [], "\n".join(["there is no", *missing])


@pytest.mark.parametrize("package", PACKAGES)
def test_every_test_file_has_its_module(package: str) -> None:
    there = {place_of(package, path) for path in modules(package)}
    found = {path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests" / package).rglob("test_*.py")}
    lost = sorted(found - there - set(WITHOUT_MODULE))
    assert lost == [], "\n".join(["of no module:", *lost])


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_itself_only_says_what_it_is(package: str) -> None:
    assert [str(path) for path in modules(package) if path.name == "__init__.py" and has_code(path)] == []


def test_no_exception_outlives_its_reason() -> None:
    there = {place_of(package, path) for package in PACKAGES for path in modules(package)}
    for name in WITHOUT_TEST:
        assert name in there
        assert not (ROOT / "tests" / name).exists()
    for name in WITHOUT_MODULE:
        assert name not in there
        assert (ROOT / "tests" / name).exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_test_file_holds_a_test(package: str) -> None:
    """An empty file would satisfy everything above."""
    for path in (ROOT / "tests" / package).rglob("test_*.py"):
        assert re.search(r"^\s*(async )?def test_|^Test\w+ = ", path.read_text(), re.MULTILINE), path


STARTERS = re.compile(
    r"\b(subprocess|multiprocessing|concurrent\.futures\.process|pty"
    r"|(os|trio|anyio)\.(fork\w*|exec[lv]\w*|posix_spawn\w*|spawn[lv]\w*|system|popen|open_process|run_process)"
    r"|trio\.lowlevel\.open_process|to_process)\b"
)


def test_the_daemon_starts_no_process_that_could_open_a_repository() -> None:
    """Whatever reads a repository goes through `Root` in this one process; only agents that a user runs are others."""
    found = {
        str(path.relative_to(ROOT)): starters[0].group()
        for path in modules("rhd")
        if (starters := list(STARTERS.finditer(path.read_text()))) and "runner" not in path.parts
    }
    assert found == {}
    assert all(
        STARTERS.search(text) for text in ("import subprocess", "os.execv(", "await trio.run_process(", "os.fork()")
    )
