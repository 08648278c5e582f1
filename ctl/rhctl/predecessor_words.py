"""What `repo-harness` answers to the words of its predecessor that it does not carry out: where each of them went."""

from __future__ import annotations

from rhctl.errors import UsageError

_GRANTS = "Who may do what is a grant now: rhctl clients, rhctl grant, rhctl revoke"

VERBS: dict[str, tuple[str, str]] = {
    "init": ("is adopt now", "Run: repo-harness adopt"),
    "update": ("has no place here", "Upgrade the package; a repository needs no update."),
    "migrate": ("has no place here", "A repository of the predecessor is taken up as it is: repo-harness adopt"),
    "mcp access": ("has no place here", _GRANTS),
    "mcp install-skill": ("has no place here", "The server tells its clients itself how it is used."),
    "mcp migrate-scope": ("has no place here", _GRANTS),
    "mcp prepare-goal": ("is a tool now", "Call prepare_codex_goal_from_sprint, then show its goal: rhctl goal"),
    "mcp print-chatgpt-guide": ("is setup now", "Run: repo-harness mcp setup chatgpt"),
    "mcp token": ("has no place here", "Clients log in by OAuth; for a local one: rhctl auth-header"),
    "mcp workspaces": ("has no place here", "Worktrees are adopted as repositories: repo-harness adopt"),
}
"""Verbs: what became of each, and what to do instead."""

SERVE_OPTIONS: dict[str, str] = {
    "--allow-root": "Adopt each repository: repo-harness adopt PATH",
    "--dev-runner-timeout-ms": "A run ends when its agent is silent for long; end one with: rhctl run cancel ID",
    "--enable-chatgpt-browser": "ChatGPT connects as a connector: repo-harness mcp setup chatgpt",
    "--enable-reader": "Only workflow artifacts are served; that cannot be widened.",
}
"""Options of `mcp serve` without a place here: what to do instead."""

SETUP_OPTIONS: dict[str, str] = {
    "--allow-full-disk-read": "Only workflow artifacts are served; that cannot be widened.",
}
"""The same of `mcp setup`."""


def find_moved(argv: list[str]) -> UsageError | None:
    """Return what a verb of the predecessor is answered; None for words that it did not have either."""
    for length in (2, 1):
        words = " ".join(argv[:length])
        if words in VERBS:
            what, next_step = VERBS[words]
            return UsageError(f"{words} {what}", next_step=next_step)
    return None


def refuse_options(verb: str, arguments: list[str]) -> None:
    """Refuse options of the predecessor that have no place here.

    Raises:
        UsageError: one is given.
    """
    table = SERVE_OPTIONS if verb == "mcp serve" else SETUP_OPTIONS
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in table:
            raise UsageError(f"{verb} has no {name}", next_step=table[name])
