"""Commands that are shown to be typed: where `--home` was given, they need it too.

Tables, the daemon and the commands write them without a home, `rhctl status`; here they get it, as they are printed.
"""

from __future__ import annotations

from rhctl.command import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_words = ""


def use_home(argv: Sequence[str]) -> None:
    """Have the commands of hints name the home that a command line names, if they would not find it by themselves."""
    global _words
    _words = ""
    given = [argv[at + 1] for at, word in enumerate(argv[:-1]) if word == "--home"]
    given += [word.removeprefix("--home=") for word in argv if word.startswith("--home=")]
    if not given:
        return
    import shlex

    from rhwire.errors import HarnessError
    from rhwire.home import Home

    home = Home.find(given[-1])
    try:
        is_found = home == Home.find(None)
    except HarnessError:
        is_found = False
    _words = "" if is_found else f"--home {shlex.quote(home.base)} "


def name_home(text: str) -> str:
    """Return a text with the home in each command of ours that does not name it already."""
    if not _words or "--home" in text:
        return text
    import re

    return re.sub(rf"\brhctl (?={'|'.join(NAMES)}\b)", lambda found: f"rhctl {_words}", text)


def name_homes(value: Any) -> Any:
    """Return a JSON value with the home in the commands of every `next_step`."""
    if not _words:
        return value
    if isinstance(value, list):
        return [name_homes(each) for each in value]
    if isinstance(value, dict):
        return {
            key: name_home(each) if key == "next_step" and isinstance(each, str) else name_homes(each)
            for key, each in value.items()
        }
    return value
