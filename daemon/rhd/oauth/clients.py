"""`Client`: an OAuth client as this server knows it, however it came here."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rhd.oauth import redirects

MAX_ID_BYTES = 4096
MAX_NAME_CHARS = 64
UNNAMED = "unnamed client"
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Client:
    """A client, public and bound by PKCE: none has a secret.

    A secret that is handed to whoever asks at an open registration endpoint authenticates nobody; PKCE, exact
    redirects and rotation do what it is thought to do.

    Attributes:
        id: its `client_id`.
        name: what it calls itself, one line; escape before printing.
        redirect_uris: where its logins may end.
    """

    id: str
    name: str
    redirect_uris: tuple[str, ...]

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
        return wanted if redirects.is_registered(wanted, self.redirect_uris) else None

    def to_metadata(self) -> dict[str, Any]:
        """Return what is stored of it beside its id and name."""
        return {"redirect_uris": list(self.redirect_uris)}


def clean_name(name: object) -> str:
    """Return a client's name as one line of at most `MAX_NAME_CHARS` characters."""
    if not isinstance(name, str):
        return UNNAMED
    return _SPACES.sub(" ", name[: 4 * MAX_NAME_CHARS]).strip()[:MAX_NAME_CHARS] or UNNAMED
