"""The table of commands, in groups as the help shows them. A command's module is imported only when it runs."""

from __future__ import annotations

GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "repositories",
        (
            ("adopt", "make a repository's workflow artifacts reachable"),
            ("forget", "make it unreachable again; its artifacts stay"),
            ("repos", "list the adopted repositories"),
            ("status", "show the daemon and its repositories"),
            ("events", "show what changed, and with -f what changes"),
        ),
    ),
    (
        "clients",
        (
            ("start", "let HTTP clients be served with a profile"),
            ("stop", "let them no longer be served"),
            ("clients", "show who is connected"),
            ("approve", "answer a login that waits in a browser"),
            ("deny", "refuse it"),
            ("grant", "let a client do more"),
            ("revoke", "let a client do less, or nothing"),
            ("passphrase", "show or rotate a repository's passphrase"),
            ("setup", "print or write a client's configuration"),
            ("endpoint", "show or record the public URL"),
            ("connect", "speak MCP on stdin and stdout, for local agents"),
        ),
    ),
    (
        "the daemon",
        (
            ("doctor", "examine the installation and its repositories"),
            ("raw", "send a verb as it is"),
            ("service", "keep the daemon running as a service"),
            ("version", "show the versions of client and daemon"),
        ),
    ),
)

VERBS = {name: line for _, group in GROUPS for name, line in group}


def overview(program: str = "rhctl") -> str:
    """Return the help that lists every command."""
    lines = [f"usage: {program} COMMAND [OPTION…]", ""]
    lines += ["Gives planning models the workflow artifacts of your repositories,", "and nothing else."]
    for title, group in GROUPS:
        lines += ["", f"{title}:"]
        lines += [f"  {name:<11} {line}" for name, line in group]
    lines += ["", "Every command: --json, --home FOLDER, --help with an example."]
    lines += [f"Try: {program} adopt --help"]
    return "\n".join(lines) + "\n"
