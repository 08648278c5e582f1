"""What the pages say is what the code does: generated parts are current, links lead somewhere, commands exist."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rhctl.command import NAMES as COMMANDS
from rhd.mcpserver.tools.tool_table import TOOLS
from rhd.web.routes import find_route
from rhwire.codes import CODES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
FRONT = {"adopt", "mcp"}


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generator", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse lays its help out otherwise from 3.13 on")
def test_generated_parts_are_current() -> None:
    assert [str(path.relative_to(ROOT)) for path, _ in _generator().find_stale()] == [], "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        assert not anchor or anchor in _anchors(found), target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_that_are_named_exist(page: Path) -> None:
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", page.read_text(), re.DOTALL))
    assert set(re.findall(r"\brhctl ([a-z]+(?:-[a-z]+)*)", code)) <= set(COMMANDS)
    assert set(re.findall(r"\brepo-harness ([a-z]+)", code)) <= FRONT
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z]+)", code, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_tools_codes_and_routes_that_are_named_exist(page: Path) -> None:
    text = page.read_text()
    assert set(re.findall(r"`((?:write|read|list|latest|append|prepare)_[a-z_]+)`", text)) <= TOOLS.keys()
    words = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text))
    assert {word for word in words if not word.startswith(("RESOLVE_", "REPO_HARNESS_", "NO_COLOR"))} <= CODES.keys()
    for path in re.findall(r"http://127\.0\.0\.1:8765(/[\w./-]*)", text):
        assert find_route(path) is not None, path


def test_the_readme_has_a_picture_of_each_page_that_a_person_meets() -> None:
    shown = set(re.findall(r"docs/images/([\w-]+\.png)", (ROOT / "README.md").read_text()))
    assert shown
    assert all((ROOT / "docs" / "images" / name).stat().st_size > 10_000 for name in shown)
