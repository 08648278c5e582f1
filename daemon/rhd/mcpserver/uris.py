"""Resource URIs: `repo-harness://{slug}/{path}`, in one canonical percent-encoding."""

from __future__ import annotations

from urllib.parse import quote, unquote

from rhd.errors import HarnessError
from rhd.ids import Slug
from rhd.rel_path import RelPath
from rhd.workflow.redaction.redact import redact_path

SCHEME = "repo-harness://"
_SAFE = "/-._~"


def make_uri(slug: Slug, path: str) -> str:
    """Return the URI of an artifact; every byte that is not unreserved or a slash is percent-encoded.

    A secret in its name is replaced, as lists show it.
    """
    return f"{SCHEME}{slug}/{quote(redact_path(path), safe=_SAFE)}"


def parse_uri(uri: str) -> tuple[Slug, RelPath] | None:
    """Return the slug and path that a URI names, or None if it is not one of ours.

    Any percent-encoding of the same path is understood; what is compared and sent is the canonical one.
    """
    if not uri.startswith(SCHEME):
        return None
    host, slash, rest = uri[len(SCHEME) :].partition("/")
    if not slash or "?" in rest or "#" in rest:
        return None
    try:
        return Slug(host), RelPath(unquote(rest, errors="strict"))
    except (HarnessError, UnicodeDecodeError):
        return None
