"""`rhctl completion`: a shell's script, and what it asks at each press of the key."""

from __future__ import annotations

import argparse

from rhctl.command import DAEMON, NAMES, Command, find_command
from rhctl.options import choice, make_parser
from rhctl.rendering import say, say_json
from rhwire.errors import HarnessError
from rhwire.escape import is_plain
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rhctl.options import Parser

ANSWER_WITHIN_S = 0.5
"""How long the daemon has for live values; then there are none."""

SHELLS = {
    "bash": """\
_rhctl() {
  local IFS=$'\\n' line
  COMPREPLY=()
  while read -r line; do COMPREPLY+=("${line%%$'\\t'*}"); done \\
    < <(rhctl completion bash --words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [ ${#COMPREPLY[@]} -gt 0 ] || compopt -o default 2>/dev/null
}
complete -F _rhctl rhctl
""",
    "zsh": """\
#compdef rhctl
_rhctl() {
  local -a found; local line
  rhctl completion zsh --words "${(@)words[2,CURRENT]}" 2>/dev/null | while IFS= read -r line; do
    found+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
  done
  if (( $#found )); then _describe -t values rhctl found; else _files; fi
}
if [ "$funcstack[1]" = "_rhctl" ]; then _rhctl "$@"; else compdef _rhctl rhctl; fi
""",
    "fish": """\
function __rhctl_words
  set -l words (commandline -opc) (commandline -ct)
  rhctl completion fish --words $words[2..-1] 2>/dev/null
end
complete -c rhctl -f -a '(__rhctl_words)'
""",
}
"""The script for each shell. It asks this program at each press of the key, so that it knows every later version."""


def build_parser() -> Parser:
    """Return the parser of `rhctl completion`."""
    parser = make_parser(
        "completion",
        "Print the script that completes rhctl's commands, options, repositories, clients, settings and artifacts in "
        'your shell. Load it from the shell\'s start file: eval "$(rhctl completion bash)", the same for zsh, and for '
        "fish: rhctl completion fish | source.",
        "rhctl completion bash",
        starts=False,
    )
    parser.add_argument("shell", type=choice("shell", tuple(SHELLS)), metavar="SHELL", help="bash, zsh or fish")
    parser.add_argument("--words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def run(args: Any) -> int:
    """Print a shell's script, or what could stand where the last of its words begins."""
    if args.words is None:
        (say_json({"script": SHELLS[args.shell]}) if args.json else say(SHELLS[args.shell].rstrip("\n")))
        return 0
    for value, about in complete(args.words or [""]):
        say(f"{value}\t{about}")
    return 0


def complete(words: list[str]) -> list[tuple[str, str]]:
    """Return each text that could stand in the place of the last word, with what it is; nothing where that is unknown.

    Args:
        words: what was typed behind `rhctl`; the last one is empty where a new word begins.
    """
    *before, begun = words
    if not before:
        found = [(name, find_command(name).help) for name in NAMES]
    elif before[0] not in NAMES:
        return []
    else:
        found = list(_of_command(before, begun))
    return [(value, about) for value, about in found if value.startswith(begun) and is_plain(value)]


def _of_command(before: list[str], begun: str) -> Iterator[tuple[str, str]]:
    options: dict[str, argparse.Action] = {}
    positional: list[argparse.Action] = []
    for action in find_command(before[0]).parser().arguments:
        options.update(dict.fromkeys(action.option_strings, action))
        if not action.option_strings and action.help != argparse.SUPPRESS:
            positional.append(action)
    values, waiting, given = [], None, set()
    for word in before[1:]:
        if waiting is not None:
            waiting = None
        elif (option := options.get(word)) is not None:
            given.add(option.dest)
            waiting = option if option.nargs != 0 else None
        elif not word.startswith("-"):
            values.append(word)
    if waiting is not None:
        yield from _values(waiting, values, before)
    elif begun.startswith("-"):
        for name, action in options.items():
            if action.help != argparse.SUPPRESS and action.dest not in given and name.startswith("--"):
                yield name, action.help or ""
    elif positional:
        at = min(len(values), len(positional) - 1)
        if at == len(values) or positional[at].nargs in ("*", "+"):
            yield from _values(positional[at], values, before)


def _values(action: argparse.Action, values: list[str], before: list[str]) -> Iterator[tuple[str, str]]:
    known = getattr(action.type, "known", None) or action.choices
    if known is not None:
        yield from ((each, "") for each in known)
    elif action.metavar in _LIVE:
        try:
            yield from _ask(str(action.metavar), values, before)
        except (HarnessError, OSError, KeyError, TypeError):
            return


def _ask(kind: str, values: list[str], before: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what the daemon knows of a kind; nothing if none answers at once. Never starts one."""
    from rhctl.client import DaemonClient, is_running
    from rhctl.options import real_path

    home = Home.find(before[before.index("--home") + 1] if "--home" in before[:-1] else None)
    if not is_running(home):
        return
    with DaemonClient.connect(home, within_s=ANSWER_WITHIN_S) as client:
        if kind == "REPO":
            yield from ((each["slug"], each["path"]) for each in client.call("repos")["repos"])
        elif kind == "CLIENT":
            names = {each["name"]: "" for each in client.call("clients")["clients"]}
            yield from names.items()
        elif kind == "KEY":
            entries = client.call("config", {"action": "show"})["settings"]
            yield from ((name, f"now {entry['value']}") for name, entry in entries.items())
        else:
            named = before[before.index("--repo") + 1] if "--repo" in before[:-1] else None
            params = {"repo": named, "path": None if named else real_path(".")}
            yield from ((each, "") for each in client.call("artifacts", params)["paths"])


_LIVE = ("ARTIFACT", "CLIENT", "KEY", "REPO")


COMMAND = Command("completion", DAEMON, "Print the completion script of a shell", build_parser, run)
