"""What the doctor found: one line of its report, the same on both sides of the socket and in `harness_doctor`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OK, WARNING, ERROR = "ok", "warning", "error"


class Finding:
    """One finding.

    Attributes:
        check: the name of the check, as in docs/operations.md.
        status: `ok`, `warning` or `error`.
        message: what was found.
        cause: why it is so, or None.
        next_step: what to do, or None where nothing is to be done.
        repo: the slug of the repository concerned, or None.
        is_local: True if it names paths or settings of this machine, which no model is told.
    """

    __slots__ = ("cause", "check", "is_local", "message", "next_step", "repo", "status")

    def __init__(
        self,
        check: str,
        status: str,
        message: str,
        *,
        cause: str | None = None,
        next_step: str | None = None,
        repo: str | None = None,
        is_local: bool = True,
    ) -> None:
        self.check = check
        self.status = status
        self.message = message
        self.cause = cause
        self.next_step = next_step
        self.repo = repo
        self.is_local = is_local

    def to_json(self) -> dict[str, Any]:
        """Return `{check, status, message, cause, next_step, repo}`."""
        return {
            "check": self.check,
            "status": self.status,
            "message": self.message,
            "cause": self.cause,
            "next_step": self.next_step,
            "repo": self.repo,
        }
