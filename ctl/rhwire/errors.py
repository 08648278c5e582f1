"""The base of the error tree. What is told to a person, a script or a model is one of these.

HarnessError                 a stable code, what happened, what to do next
├── WireError                a line on the control socket that is no message (rhwire.messages)
├── LockHeld                 another process holds the home (rhwire.lock)
├── HomeUnusable             the home cannot be made or trusted (rhwire.home)
├── rhd.errors.Refusal …     what the daemon refuses
└── rhctl.errors.…           what the client itself finds out
"""

from __future__ import annotations

import errno

from rhwire.codes import CODES, exit_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class HarnessError(Exception):
    """A condition that a person, a program or a model is told about.

    Attributes:
        code: a key of `rhwire.codes.CODES`.
        message: what happened, one sentence, no content of files and no secret.
        next_step: what to do next, one sentence or a command.
        details: JSON-ready facts for programs, or None.
    """

    code = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        next_step: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.message = message
        self.next_step = CODES[self.code][1] if next_step is None else next_step
        self.details = details

    @property
    def exit_code(self) -> int:
        """The exit code of a command that ends with this."""
        return exit_code(self.code)

    def to_json(self) -> dict[str, Any]:
        """Return `{"code", "message", "next_step", "details"?}`, the shape that every surface uses."""
        out: dict[str, Any] = {"code": self.code, "message": self.message, "next_step": self.next_step}
        if self.details is not None:
            out["details"] = self.details
        return out


def code_of_write(error: OSError, otherwise: str) -> str:
    """Return DISK_FULL if a write failed for want of space or quota, else the code that is given."""
    return "DISK_FULL" if error.errno in (errno.ENOSPC, errno.EDQUOT) else otherwise
