"""`RepoProblem`: what is wrong with a repository, as a value; each exception that says it is a new one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from rhd.errors import Detached, Refusal
from rhd.workflow.catalog import Problem
from rhwire.codes import CODES


@dataclass(frozen=True, slots=True)
class RepoProblem:
    """What is wrong with a repository and what to do next. An exception that is kept would keep its frames."""

    code: str
    message: str
    next_step: str

    @classmethod
    def of(cls, refusal: Refusal) -> RepoProblem:
        """Return what a refusal says."""
        return cls(refusal.code, refusal.message, refusal.next_step)

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


def worst(problems: Collection[Problem]) -> RepoProblem | None:
    """Return one of the catalog's problems that stands for all, with how many others there are; None without any."""
    if not problems:
        return None
    first = next((p for p in problems if p.code == "CATALOG_TOO_LARGE"), next(iter(problems)))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return RepoProblem.make(first.code, first.message + more)
