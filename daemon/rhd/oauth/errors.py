"""The refusals that OAuth itself has words for.

They are answers of a protocol, so their codes are the RFCs' (`invalid_grant`). What a person reads on a page is a
`Refusal` like everywhere else.
"""

from __future__ import annotations


class OAuthError(Exception):
    """A request to the token, registration or revocation endpoint is refused.

    Attributes:
        error: the code of RFC 6749 section 5.2, RFC 7591 section 3.2.2 or RFC 8707 section 2.
        description: one ASCII sentence for the developer of the client; holds nothing that was sent.
        status: of the HTTP answer.
    """

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


class RedirectError(Exception):
    """An authorization request is refused, and the client is told by a redirect (RFC 6749 section 4.1.2.1).

    Attributes:
        location: where the browser goes: the client's redirect URI with `error`, `state` and `iss`.
        is_trusted: False if a person must be asked before the browser is sent there.
    """

    def __init__(self, location: str, error: str, *, is_trusted: bool) -> None:
        super().__init__(error)
        self.location = location
        self.error = error
        self.is_trusted = is_trusted
