"""What does not say anything: placeholders in any field, and prose where a command is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rhd.errors import Refusal
from rhwire.escape import escape

_PLACEHOLDER = re.compile(
    r"""[\W_]*(?:
        tbd | tba | tbc | todo | fixme | xxx+ | n/?a | none | null | unknown | unspecified | placeholder
        | lorem\ ipsum.*
        | to\ be\ (?:done|determined|decided|defined|added|specified|stated|written|filled\ in|clarified)
        | (?:fill|filled)\ (?:this\ |me\ )?in(?:\ later)? | coming\ soon | your\ (?:text|command|title|idea)\ here
        | (?:replace|insert|add|describe|write)\ (?:this|me|with|an?|the|your)\b.*\b(?:here|line|placeholder|text)
    )[\W_]*|[\s.…?_*~-]*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_LONGEST = 300
_FRAME = re.compile(r"\A(`+) ?(.*?) ?\1\Z", re.DOTALL)
_PROSE = re.compile(
    r"""(?:replace|ensure|confirm|make\ sure
        |(?:verify|check|see|test|assert|look)\ (?:that|if|whether|the|all|every|for|at)
        |the|all|an?|there|it|its|this|that|every|each|no|users?|customers?|when|manually|manual|review|open\ the
    )\b(?!\s*[-=/.(|&;<>])""",
    re.IGNORECASE | re.VERBOSE,
)
_CAPITAL = re.compile(r"[A-Z][a-z]+[,:]?(?=\s|\Z)")
_PROGRAMS = frozenset({"Rscript", "Xvfb", "Start-Process"})
_WORD = re.compile(r"[^\W\d_]{2,}")


def is_placeholder(text: str) -> bool:
    """Say whether a text stands for one that is still to be written: `TBD`, `...`, `n/a`, `Replace with …`."""
    return len(text) <= _LONGEST and _PLACEHOLDER.fullmatch(text) is not None


def is_prose(check: str) -> bool:
    """Say whether a check is a sentence rather than a command."""
    if not check[:1].isascii():
        return True
    words = check.split()
    if _PROSE.match(check) and len(words) > 1:
        return True
    first = words[0] if words else ""
    if _CAPITAL.fullmatch(first) and first not in _PROGRAMS:
        return len(words) > 1 and _WORD.fullmatch(words[1].strip(",.;:")) is not None
    return len(words) > 3 and re.search(r"[a-z]\.\Z", check) is not None and not re.search(r"[-=/$|<>]", check)


def command_of(check: str) -> str:
    """Return a check without code marks or a prompt around it."""
    check = check.strip()
    if (framed := _FRAME.match(check)) and "`" not in framed[2]:
        check = framed[2].strip()
    return check.removeprefix("$ ").strip()


def refuse_placeholders(texts: Iterable[tuple[str, str]]) -> None:
    """Refuse what is not a text yet.

    Args:
        texts: pairs of an argument's name and its text.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    for name, text in texts:
        if is_placeholder(text):
            raise Refusal(
                f"{name} is a placeholder: {escape(text.strip())}",
                code="INVALID_ARGUMENT",
                next_step=f"Send what {name} is to say. Leave an optional argument out if there is nothing to say, and "
                "ask the user for a required one.",
            )


def read_checks(name: str, checks: Iterable[str]) -> list[str]:
    """Return the commands that `checks` are.

    Args:
        name: of the argument, for the message.
        checks: what the caller sent.

    Raises:
        Refusal: INVALID_ARGUMENT, one is a placeholder, has several lines or is prose.
    """
    commands = []
    for number, check in enumerate(checks):
        command, place = command_of(check), f"{name}[{number}]"
        refuse_placeholders([(place, command)])
        if len(command.splitlines()) > 1:
            raise Refusal(
                f"{place} has more than one line",
                code="INVALID_ARGUMENT",
                next_step="Send each command as a check of its own, joined by && where one needs the other. For a "
                "longer script, let a card create it as a file and send the command that runs it.",
            )
        if is_prose(command):
            raise Refusal(
                f"{place} is a sentence and not a command: {escape(command)}",
                code="INVALID_ARGUMENT",
                next_step="Send a command that exits 0 when all is well, such as pytest tests/test_login.py. What a "
                "person or an agent has to see belongs into observations.",
            )
        commands.append(command)
    return commands
