"""The terminal views as a person reads them: real output at 80 columns, with its colours. Pictures: docs/images."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
import trio

from tests.pages.chromium import chromium
from tests.support.attached import attached
from tests.support.inprocess import Running, running_daemon
from tests.support.repositories import Repository
from tests.support.terminal import type_at
from tests.support.waiting import until

IMAGES = Path(__file__).parents[2] / "docs" / "images"
COLUMNS = 80
CLASSES = {"1": "strong", "2": "quiet", "31": "bad", "32": "good", "33": "warn"}
STYLE = """
body { margin: 0; background: #f5f6f8; padding: 18px }
pre { margin: 0; padding: 16px 20px; border-radius: 10px; background: #1b1f27; color: #d7dce4; width: max-content;
  font: 14px/1.45 "DejaVu Sans Mono", monospace; box-shadow: 0 2px 8px #0003 }
.strong { font-weight: bold; color: #fff } .quiet { color: #8b95a5 } .bad { color: #ff7b72 } .good { color: #6fdd8b }
.warn { color: #f0c674 } .prompt { color: #79b8ff }
"""


def as_html(command: str, seen: str) -> str:
    """Return a page that shows a command and what it printed."""
    text = re.sub(
        r"\x1b\[(\d+)m(.*?)\x1b\[0m",
        lambda found: f'<span class="{CLASSES[found[1]]}">{found[2]}</span>',
        html.escape(seen),
    )
    return f'<meta charset=utf-8><style>{STYLE}</style><pre><span class="prompt">$</span> {command}\n{text}</pre>'


async def furnish(daemon: Running, folder: Path) -> None:
    """Adopt three repositories: one in the middle of a sprint, one without any, and one that was moved away."""
    for name in ("atlas", "billing", "website"):
        made = Repository.make(folder / "src" / name, artifacts=name != "website")
        await daemon.adopt(made.path)
    await daemon.connect_client("atlas", "billing", name="ChatGPT", profiles=("planner", "executor"))
    await daemon.connect_client("billing", name="Claude")
    for name, text in (
        ("plans/prds/20261201-0900-refunds.prd.md", "# PRD: Refunds\n"),
        ("plans/cache.md", "# Cache\n"),
    ):
        path = folder / "src/billing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        await daemon.settle("billing")
    (folder / "src/website").rename(folder / "src/website-2")
    await daemon.until_state("website", "detached")


@pytest.mark.parametrize("name", ["status", "clients", "events", "doctor"])
async def test_a_view_is_shown_as_it_is_meant(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPO_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    command = {"events": "events -n 8", "doctor": "doctor atlas"}.get(name, name)
    async with running_daemon(tmp_path / "home") as daemon:
        await furnish(daemon, tmp_path)
        async with attached(daemon, "atlas", label="codex"):
            await until(daemon.context.endpoints.local_clients)
            seen = await type_at(COLUMNS, *command.split(), color="always")
    seen = seen.replace(str(tmp_path / "home"), "~/.local/state/repo-harness").replace(str(tmp_path), "~")
    assert name == "doctor" or "\x1b[1m" in seen
    (tmp_path / "profile").mkdir()
    (tmp_path / "page.html").write_text(as_html(f"rhctl {command}", seen))

    def shoot() -> str:
        with chromium(tmp_path / "profile") as window:
            window.go(f"file://{tmp_path}/page.html")
            wide, high = window.run(
                "const b = document.querySelector('pre').getBoundingClientRect();"
                "return [Math.ceil(b.right) + 18, Math.ceil(b.bottom) + 18]"
            )
            window.size(max(wide, 600), high)  # narrower ones are laid out as phones
            window.screenshot(IMAGES / f"terminal-{name}.png")
            return window.text()

    assert f"rhctl {command}" in await trio.to_thread.run_sync(shoot)
