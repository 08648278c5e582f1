"""What the doctor found: a row of its table, filled in, for the owner or for a model."""

from __future__ import annotations

from rhwire.checks import CHECKS, ERROR, MODEL, OK, WARNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ERROR", "OK", "WARNING", "Finding"]


class Finding:
    """One finding.

    Attributes:
        id: the row of the table, such as `port.taken`.
        repo: the slug of the repository concerned, or None.
    """

    __slots__ = ("_row", "_words", "id", "repo")

    def __init__(self, id: str, repo: str | None = None, **words: object) -> None:  # noqa: A002 - the table's own word
        """Make a finding.

        Args:
            words: what the row has between braces; a part of the row whose only word is None is left out.
        """
        self.id = id
        self.repo = repo
        self._row = CHECKS[id]
        self._words = words

    @property
    def status(self) -> str:
        """`ok`, `warning` or `error`."""
        return self._row.status

    @property
    def is_for_model(self) -> bool:
        """Say whether a model is told of it too."""
        return self._row.audience == MODEL

    def to_json(self, rhctl: str = "rhctl") -> dict[str, Any]:
        """Return `{id, check, status, message, cause, next_step, repo}` as the owner is told.

        Args:
            rhctl: the client as it is typed for this home.
        """
        return {
            "id": self.id,
            "check": self.id.partition(".")[0],
            **self._said(run="Run: ", rhctl=rhctl),
            "repo": self.repo,
        }

    def to_model(self) -> dict[str, Any]:
        """Return `{check, status, message, cause, next_step}` as a model is told, without any path of the machine."""
        return {
            "check": self.id.partition(".")[0],
            **self._said(run="Ask the owner to run: ", rhctl="rhctl", path="PATH"),
        }

    def _said(self, **more: object) -> dict[str, Any]:
        words = {"slug": self.repo, **self._words, **more}

        def fill(part: str | None) -> str | None:
            if part is None or (part[0] == "{" and part[-1] == "}" and words.get(part[1:-1], "") is None):
                return None
            return part.format_map(words)

        return {
            "status": self.status,
            "message": fill(self._row.message),
            "cause": fill(self._row.cause),
            "next_step": fill(self._row.next_step),
        }
