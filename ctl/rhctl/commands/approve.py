"""`rhctl approve`."""

from __future__ import annotations

import sys

from rhctl.command import ACCESS, Command
from rhctl.daemon_access import open_client
from rhctl.errors import UsageError
from rhctl.options import add_profile, make_parser, repo_params
from rhctl.rendering import say, say_json
from rhctl.terminal import duration
from rhwire.escape import escape
from rhwire.home import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rhctl.options import Parser


def build_parser() -> Parser:
    """Return the parser of `rhctl approve`."""
    parser = make_parser(
        "approve",
        "Approve a login that waits in a browser, instead of typing a passphrase there. Compare what is shown with "
        "what the client's own screen says; approve only a login that you have begun yourself. Where it may reach "
        "several repositories and none is named, this command asks which.",
        "rhctl approve abcd-efgh --repo project --profile planner",
    )
    parser.add_argument("code", metavar="CODE", help="the code that the login's page shows")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--repo", action="append", metavar="REPO", help="what it may reach; can be repeated")
    which.add_argument("--all-repos", action="store_true", help="it may reach every adopted repository")
    add_profile(parser, "planner, executor or orchestrator; can be repeated", action="append")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def run(args: Any) -> int:
    """Show the login under a code, ask, and approve it."""
    home = Home.find(args.home)
    params = {
        "code": args.code.strip().lower(),
        "repos": [repo_params(typed) for typed in args.repo] if args.repo else None,
        "all_repos": args.all_repos or None,
        "profiles": args.profile,
    }
    with open_client(home, may_start=not args.no_start) as client:
        login = client.call("approve", params)  # a wrong code ends here, before anything of this machine is shown
    if not args.yes:
        if args.json or not sys.stdin.isatty():
            raise UsageError("approving asks, and there is no terminal to ask in", next_step="Repeat it with --yes.")
        show(login)
        if login["choices"]:
            login["repos"] = _choose(login["choices"])
            params["repos"] = [{"repo": slug} for slug in login["repos"]]
        if not login["repos"] or not _is_wanted(login):
            say("nothing was changed; the page still waits (rhctl deny refuses it)")
            return 1
    # On a connection of its own: the daemon hangs up on one that is silent for as long as a person may think.
    with open_client(home, may_start=False) as client:
        done = client.call("approve", {**params, "confirm": True})
    if args.json:
        say_json(done)
    else:
        say(f"{escape(done['client'])} may act as {', '.join(done['profiles'])} in {', '.join(done['repos'])}")
        say("  The page in the browser goes on by itself.")
    return 0


def _choose(choices: list[str]) -> list[str]:
    """Return the slugs that the person names; none if they name none."""
    say("It may reach the repositories that you name:")
    for number, slug in enumerate(choices, 1):
        say(f"  {number:>2}  {slug}")
    while True:
        sys.stdout.write("Which? (numbers or names, separated by spaces; all; nothing to stop) ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        words = line.replace(",", " ").split()
        if words == ["all"]:
            return list(choices)
        named = [choices[int(w) - 1] if w.isdecimal() and 0 < int(w) <= len(choices) else w for w in words]
        unknown = [word for word in named if word not in choices]
        if not unknown:
            return list(dict.fromkeys(named))
        say(f"  {escape(unknown[0])} is not one of them")
        if not line.endswith("\n"):
            return []


def _is_wanted(login: dict[str, Any]) -> bool:
    sys.stdout.write(f"Connect {escape(login['client'])} to {', '.join(login['repos'])}? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def show(login: dict[str, Any]) -> None:
    """Print a login for a person to compare with the client's own screen."""
    whose = f"described by {login['host']}" if login["host"] else "registered itself; this name is not verified"
    say(f"  client      {escape(login['client'])}  ({escape(whose)})")
    say(f"  returns to  {escape(login['redirect_host'])}")
    if login["repos"]:
        say(f"  may reach   {', '.join(login['repos'])}")
    say(f"  may act as  {', '.join(login['profiles'])}")
    say(f"  begun       {duration(login['age_s'])} ago")
    if "orchestrator" in login["profiles"]:
        say("  orchestrator starts a coding agent on this machine: it can change and run whatever you can")


COMMAND = Command("approve", ACCESS, "Approve a login that waits in a browser", build_parser, run)
