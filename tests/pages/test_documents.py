"""The documents as a person reads them: rendered as GitHub does, in a real Chromium. Screenshots go to docs/images."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from scripts.docs import example_documents

from tests.pages.chromium import chromium

IMAGES = Path(__file__).parents[2] / "docs" / "images"
STYLE = """
body { font: 15px/1.5 "Segoe UI", Roboto, sans-serif; margin: 28px auto; max-width: 780px; color: #1f2328 }
h1, h2 { border-bottom: 1px solid #d1d9e0; padding-bottom: 4px }
code { background: #eff1f3; border-radius: 5px; padding: 2px 5px; font: 85% "DejaVu Sans Mono", monospace }
pre { background: #f6f8fa; border-radius: 6px; padding: 12px } pre code { background: none; padding: 0 }
table { border-collapse: collapse } td, th { border: 1px solid #d1d9e0; padding: 5px 12px }
blockquote { border-left: 4px solid #d1d9e0; margin: 0; padding: 0 14px; color: #59636e }
"""


@pytest.mark.parametrize(("place", "name", "height"), [(0, "prd", 1040), (1, "sprint", 1400)])
def test_a_document_is_shown_as_it_is_meant(tmp_path: Path, place: int, name: str, height: int) -> None:
    text = re.sub(r"\A---\n.*?\n---\n", "", example_documents()[place], flags=re.DOTALL)
    page = MarkdownIt("commonmark").enable("table").render(text)
    page = page.replace("[ ] ", "<input type=checkbox> ").replace("<td><input type=checkbox> </td>", "<td>[ ]</td>")
    (tmp_path / "profile").mkdir()
    (tmp_path / "page.html").write_text(f"<meta charset=utf-8><style>{STYLE}</style>{page}")
    with chromium(tmp_path / "profile") as window:
        window.size(860, height)
        window.go(f"file://{tmp_path}/page.html")
        shown = window.text()
        window.screenshot(IMAGES / f"{name}.png")
    assert "```" not in shown
    assert "| ---" not in shown
    assert ("413" if name == "prd" else "Task Card 2: Raise the limit") in shown
