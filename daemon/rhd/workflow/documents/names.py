"""File names of what the tools write: `20261122-1010-search.prd.md`."""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from collections.abc import Iterable

from rhd.errors import Refusal
from rhd.rel_path import RelPath

MAX_SLUG_BYTES = 120
_STAMPED = re.compile(r"\d{8}-\d{4}-.+")


def slug_of(text: str) -> str:
    """Return the slug of a title: letters and digits of any script, joined by hyphens, at most 120 bytes.

    A title without any (an emoji) gives `untitled-` and six characters that differ between titles.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    slug = re.sub(r"[\W_]+", "-", folded).strip("-")
    slug = slug.encode()[:MAX_SLUG_BYTES].decode(errors="ignore").strip("-")
    return slug or "untitled-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def choose_path(
    folder: str, ending: str, *, slug: str | None, title: str, existing: Iterable[str], now: float
) -> RelPath:
    """Return the path that a document is written to.

    Without `slug`, a new name: the local time to the minute, the title's slug, and a number if that is taken.
    With one, the same slug always addresses the same document: the newest that has it, or a new one. A slug that
    begins with a time stamp is a whole name, and the path of a document is as good as its name.

    Args:
        folder: where documents of this kind lie.
        ending: `.prd.md` or the like.
        slug: what the caller asked for.
        title: what the slug is made from otherwise.
        existing: paths of the documents of this kind.
        now: seconds since the epoch.

    Raises:
        Refusal: INVALID_ARGUMENT, the slug holds no letter or digit.
    """
    names = {path.rpartition("/")[2].removesuffix(ending) for path in existing if path.endswith(ending)}
    stamp = time.strftime("%Y%m%d-%H%M", time.localtime(now))
    if slug is None:
        stem = f"{stamp}-{slug_of(title)}"
        free, number = stem, 2
        while free in names:
            free, number = f"{stem}-{number}", number + 1
        return RelPath(f"{folder}/{free}{ending}")
    wanted = slug_of(slug.removeprefix(f"{folder}/").removesuffix(ending).removesuffix(".md"))
    if wanted.startswith("untitled-") and not slug.casefold().startswith("untitled-"):
        raise Refusal("the slug holds no letter or digit", code="INVALID_ARGUMENT")
    if _STAMPED.fullmatch(wanted):
        return RelPath(f"{folder}/{wanted}{ending}")
    same = [name for name in names if _STAMPED.fullmatch(name) and name[14:] == wanted]
    return RelPath(f"{folder}/{max(same, default=f'{stamp}-{wanted}')}{ending}")
