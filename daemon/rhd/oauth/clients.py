"""`Client`: an OAuth client as this server knows it, however it came here."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rhd.oauth import redirects

MAX_ID_BYTES = 4096
MAX_NAME_CHARS = 64
UNNAMED = "unnamed client"
_SPACES = re.compile(r"[\s\u2800]+")  # and the empty Braille pattern
_BLANK_LETTERS = (
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # the fillers of Hangul and Khmer, the joiner of graphemes
)


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client. All are public clients, bound by PKCE, and have no secret.

    A secret that an open registration endpoint hands out authenticates no one; PKCE, exact redirects and rotation
    take its place.

    Attributes:
        id: its `client_id`.
        name: what it calls itself, one visible line; escape before printing.
        redirect_uris: where its logins may end.
        any_loopback: its logins may end at a loopback address with any path; for a client that is known to run on the
            owner's machine, and whose path is not.
    """

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    any_loopback: bool = False

    @property
    def host(self) -> str | None:
        """The host whose document describes it, or None for one that registered itself."""
        return urlsplit(self.id).hostname if self.id.startswith("https://") else None

    @property
    def handle(self) -> str:
        """A short name for `rhctl`: ids of registered clients are too long to type."""
        return "c_" + hashlib.sha256(self.id.encode()).hexdigest()[:10]

    def redirect(self, wanted: str | None) -> str | None:
        """Return the redirect that a login ends at, or None if the client has no such one.

        Args:
            wanted: the `redirect_uri` of the request; None stands for the only one that the client has.
        """
        if wanted is None:
            return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None
        if self.any_loopback and redirects.is_loopback(wanted) and redirects.is_well_formed(wanted):
            return wanted
        return wanted if redirects.is_registered(wanted, self.redirect_uris) else None

    def to_metadata(self) -> dict[str, Any]:
        """Return what is stored of it beside its id and name."""
        return {"redirect_uris": list(self.redirect_uris)}


def clean_name(name: object) -> str:
    """Return a client's name as one line of at most `MAX_NAME_CHARS` characters that can be seen and encoded.

    What cannot be seen is left out: control and format characters, unassigned ones, lone surrogates, and letters that
    are drawn as nothing. A name of which nothing is left is `UNNAMED`.
    """
    if not isinstance(name, str):
        return UNNAMED
    spaced = _SPACES.sub(" ", name[: 4 * MAX_NAME_CHARS])
    shown = "".join(c for c in spaced if unicodedata.category(c)[0] != "C" and c not in _BLANK_LETTERS)
    return _SPACES.sub(" ", shown).strip()[:MAX_NAME_CHARS].rstrip() or UNNAMED
