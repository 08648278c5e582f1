"""Passwords on command lines that no name announces: `curl -u ci:…`, `mysql -p…`, `sshpass -p …`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rhd.workflow.redaction.heuristics import Secret, is_placeholder, looks_chosen, looks_random

_VALUE = r"[\"']?(?P<secret>[^\s\"'`|&;<>]{6,200}+)"
_COMMANDS = (
    (
        "-u",
        re.compile(
            r"(?<!\S)(?:-u|--user)(?:[ \t]{1,4}|=)[\"']?[^\s:\"'@/]{1,64}+:(?P<secret>[^\s\"'`|&;<>/@]{6,200}+)"
        ),
    ),
    ("mysql", re.compile(r"\bmysql[a-z]{0,10}\b[^\r\n|;]{0,120}? -p" + _VALUE)),
    ("mariadb", re.compile(r"\bmariadb[a-z-]{0,12}\b[^\r\n|;]{0,120}? -p" + _VALUE)),
    ("sshpass", re.compile(r"\bsshpass\b[ \t]{1,4}-p[ \t]{0,4}" + _VALUE)),
    ("login", re.compile(r"\blogin\b[^\r\n|;]{0,120}? -p[ \t]{1,4}" + _VALUE)),
    ("pass:", re.compile(r"\s-pass(?:in|out)?[ \t]{1,4}[\"']?pass:(?P<secret>[^\s\"'`|&;<>]{6,200}+)")),
    ("redis-cli", re.compile(r"\bredis-cli\b[^\r\n|;]{0,120}? -a[ \t]{1,4}" + _VALUE)),
    (
        "sudo",
        re.compile(r"\becho[ \t]{1,4}(?:-n[ \t]{1,4})?" + _VALUE + r"[\"']?[ \t]{0,4}\|[ \t]{0,4}sudo[ \t]{1,4}-S"),
    ),
)


def find_command_passwords(text: str) -> Iterator[Secret]:
    """Yield the passwords that are given to commands as arguments."""
    for mark, command in _COMMANDS:
        if mark in text:
            for match in command.finditer(text):
                value = match["secret"]
                if (looks_random(value) or looks_chosen(value, is_quoted=True)) and not is_placeholder(value):
                    yield Secret(*match.span("secret"), "password")
