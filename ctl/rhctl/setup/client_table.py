"""Every client that `rhctl setup` knows, by the id that is typed."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rhctl.setup.client_spec import ClientSpec

CHATGPT = "chatgpt"
"""The only client without a configuration file."""

IDS = (
    CHATGPT,
    "codex",
    "claude-code",
    "claude-desktop",
    "cursor",
    "vscode",
    "zed",
    "devin",
    "gemini",
    "opencode",
    "copilot",
    "antigravity",
    "cline",
    "qwen-code",
    "kiro",
    "amp",
    "droid",
    "goose",
)

ALIASES = {"windsurf": "devin"}


def find_spec(name: str) -> ClientSpec:
    """Return a client that has a configuration file; `name` is one of `IDS` or `ALIASES`."""
    module = ALIASES.get(name, name).replace("-", "_")
    spec: ClientSpec = import_module(f"rhctl.setup.{module}").SPEC
    return spec
