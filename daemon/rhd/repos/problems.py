"""`RepoProblem`: what is wrong with a repository, as a value; each exception that says it is a new one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rhd.errors import Detached, Refusal
from rhd.workflow.catalog import Problem, Reason
from rhwire.codes import CODES
from rhwire.escape import escape


@dataclass(frozen=True, slots=True)
class RepoProblem:
    """What is wrong with a repository and what to do next. An exception that is kept would keep its frames.

    Attributes:
        why: what an opened folder turned out to be, `id_removed` or `replaced`; None for any other problem.
    """

    code: str
    message: str
    next_step: str
    why: str | None = None

    @classmethod
    def of(cls, refusal: Refusal) -> RepoProblem:
        """Return what a refusal says."""
        return cls(refusal.code, refusal.message, refusal.next_step, (refusal.details or {}).get("why"))

    @classmethod
    def make(cls, code: str, message: str) -> RepoProblem:
        """Return a problem with the next step of its code."""
        return cls(code, message, CODES[code][1])

    def refusal(self) -> Refusal:
        """Return a new exception that says it."""
        kind = Detached if self.code == Detached.code else Refusal
        return kind(self.message, code=self.code, next_step=self.next_step)

    def to_json(self) -> dict[str, Any]:
        """Return `{code, message, next_step}`."""
        return {"code": self.code, "message": self.message, "next_step": self.next_step}


_LEFT_OUT: Mapping[Reason, tuple[str, str, str]] = {
    "too_many": (
        "CATALOG_TOO_LARGE",
        "{path} holds more than is kept track of",
        "Move what is finished out of plans/ and tasks/.",
    ),
    "too_deep": (
        "CATALOG_TOO_LARGE",
        "folders below {path} are nested too deep",
        "Move files that are deeper than 12 folders further up.",
    ),
    "unreadable": (
        "READ_FAILED",
        "{path} cannot be read",
        "Let the user that the daemon runs as read it (permissions, open files).",
    ),
    "link": (
        "SYMLINK_ESCAPE",
        "{path} is a symbolic link, so it is not served",
        "Put the file or folder itself in place of the link.",
    ),
    "mount": (
        "NOT_A_REGULAR_FILE",
        "{path} is mounted from elsewhere, so it is not served",
        "Put the files themselves into the repository.",
    ),
    "name": (
        "NOT_A_REGULAR_FILE",
        "{path} has a name that cannot be served",
        "Rename it: a name is UTF-8 and holds no control character and no backslash.",
    ),
    "not_regular": (
        "NOT_A_REGULAR_FILE",
        "{path} is a pipe, a socket or a device, so it is not served",
        "Put a plain file in its place.",
    ),
}
"""Code, message and next step of each reason; the first reason stands for all."""

MAX_ITEMS = 50


def worst(problems: Collection[Problem]) -> RepoProblem | None:
    """Return one of the catalog's problems that stands for all, with how many others there are; None without any."""
    for reason, (code, message, next_step) in _LEFT_OUT.items():
        if (first := min((p.path for p in problems if p.reason == reason), default=None)) is not None:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            return RepoProblem(code, message.format(path=escape(first) or "the repository") + more, next_step)
    return None


def left_out(problems: Collection[Problem]) -> dict[str, Any] | None:
    """Return `{total, items: [{path, reason}], next_step}` of what is not served; None if everything is.

    At most `MAX_ITEMS` are named, by escaped paths. `next_step` says what to do about every reason that occurs.
    """
    if not problems:
        return None
    items = sorted(problems)[:MAX_ITEMS]
    reasons = {problem.reason for problem in problems}
    return {
        "total": len(problems),
        "items": [{"path": escape(problem.path), "reason": problem.reason} for problem in items],
        "next_step": " ".join(next_step for reason, (*_, next_step) in _LEFT_OUT.items() if reason in reasons),
    }
