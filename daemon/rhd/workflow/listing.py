"""Lists of artifacts in pages: newest first, fair to each kind, cut only where a cursor goes on.

Without a `kind` every kind has its turn: the newest of each, then the next of each, and so on until the page is
full; within the page they stand newest first. Five hundred fresh notes thus never push the newest PRD off the first
page.

A cursor says, for each kind, which artifact was given out last. Whatever existed when the first page was made and
has not changed since is given out, and once, whatever else is added, changed or removed between two pages; what is
new or changed stands at the top of a fresh list.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice, zip_longest
from unicodedata import normalize

from rhd.errors import Refusal
from rhd.workflow.artifacts import Artifact, Artifacts
from rhd.workflow.kinds import KINDS

DEFAULT_LIMIT, MAX_LIMIT = 50, 200

_POSITION = struct.Struct("<Bq4s")
_CHECK_BYTES = 6


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page.

    Attributes:
        artifacts: newest first.
        total: how many there are on all pages together, now.
        next_cursor: where the next page begins; None on the last one.
    """

    artifacts: tuple[Artifact, ...]
    total: int
    next_cursor: str | None


_Places = dict[str, tuple[int, bytes]]
"""Per kind, the last artifact that was given out: when it was modified, and a digest of its path."""


def list_page(
    artifacts: Artifacts,
    *,
    readable: Collection[str],
    kind: str | None = None,
    prefix: str | None = None,
    query: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> ListPage:
    """Return one page of what the given profiles may read.

    Args:
        artifacts: the catalog's.
        readable: names of profiles; what any of them may read is listed.
        kind: only this kind, one of `KINDS`; then simply newest first.
        prefix: only paths that begin with this.
        query: only what has all these words in its path and title, in whatever case and order.
        cursor: `next_cursor` of the page before, from a call with the same kind, prefix, query and profiles.
        limit: how many, 1 to 200.

    Raises:
        Refusal: INVALID_ARGUMENT; INVALID_CURSOR.
    """
    if kind is not None and kind not in KINDS:
        raise Refusal(f"there is no such kind; the kinds are {', '.join(KINDS)}", code="INVALID_ARGUMENT")
    if not 1 <= limit <= MAX_LIMIT:
        raise Refusal(f"a page holds 1 to {MAX_LIMIT} entries", code="INVALID_ARGUMENT")
    prefix = None if prefix is None else normalize("NFC", prefix)
    words = [] if query is None else _folded(query).split()
    asked = repr((KINDS, sorted(readable), kind, prefix, words)).encode()
    places = {} if cursor is None else _open_cursor(cursor, asked)
    matching = [
        artifact
        for artifact in artifacts.readable_by(readable)
        if (kind is None or artifact.kind == kind)
        and (prefix is None or normalize("NFC", artifact.path).startswith(prefix))
        and (not words or _is_about(artifact, words))
    ]
    left = {kind: _after(places.get(kind), group) for kind, group in _by_kind(matching).items()}
    chosen = _in_turn(left.values(), limit)
    next_cursor = None
    if len(chosen) < sum(map(len, left.values())):
        for artifact in chosen:  # those of a kind newest first, so that its last one stays
            places[artifact.kind] = (artifact.recency_ns, _digest(artifact))
        next_cursor = _seal_cursor(places, asked)
    return ListPage(tuple(sorted(chosen, key=_age, reverse=True)), len(matching), next_cursor)


def _is_about(artifact: Artifact, words: Iterable[str]) -> bool:
    text = _folded(f"{artifact.path}\n{artifact.title}")
    return all(word in text for word in words)


def _folded(text: str) -> str:
    """Return `text` without what a search passes over: case, and whether letters are composed (NFC) or not (NFD)."""
    return normalize("NFC", text.casefold())


def _age(artifact: Artifact) -> tuple[int, str]:
    """What lists are ordered by; of one moment (a fresh clone) the later name first, since names begin with dates."""
    return artifact.recency_ns, artifact.path


def _by_kind(artifacts: Iterable[Artifact]) -> Mapping[str, list[Artifact]]:
    groups: dict[str, list[Artifact]] = defaultdict(list)
    for artifact in sorted(artifacts, key=_age, reverse=True):
        groups[artifact.kind].append(artifact)
    return groups


def _after(place: tuple[int, bytes] | None, group: list[Artifact]) -> list[Artifact]:
    """Return what comes after `place` in a group that is ordered newest first."""
    if place is None:
        return group
    recency_ns, digest = place
    rest = [artifact for artifact in group if artifact.recency_ns <= recency_ns]
    for position, artifact in enumerate(rest):
        if artifact.recency_ns < recency_ns:
            break
        if _digest(artifact) == digest:
            return rest[position + 1 :]
    return rest  # the place itself is gone: rather show those of its very moment again than leave one out


def _in_turn(groups: Iterable[list[Artifact]], limit: int) -> list[Artifact]:
    rounds = zip_longest(*groups)
    in_order = (sorted(filter(None, one), key=_age, reverse=True) for one in rounds)
    return list(islice(chain.from_iterable(in_order), limit))


def _digest(artifact: Artifact) -> bytes:
    return blake2b(artifact.path.encode(), digest_size=4).digest()


def _seal_cursor(places: _Places, asked: bytes) -> str:
    body = b"".join(_POSITION.pack(KINDS.index(kind), *place) for kind, place in sorted(places.items()))
    return urlsafe_b64encode(body + _check(body, asked)).rstrip(b"=").decode()


def _open_cursor(cursor: str, asked: bytes) -> _Places:
    """Return what a cursor says. It is checked for belonging to this question, not for having been given out: all
    that a made-up one could do is begin a list elsewhere."""
    try:
        sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        body, check = sealed[:-_CHECK_BYTES], sealed[-_CHECK_BYTES:]
        if check == _check(body, asked):
            return {KINDS[number]: (recency_ns, digest) for number, recency_ns, digest in _POSITION.iter_unpack(body)}
    except (ValueError, IndexError, struct.error):
        pass
    raise Refusal("the cursor is not from a list with the same kind, prefix and query", code="INVALID_CURSOR")


def _check(body: bytes, asked: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK_BYTES, key=blake2b(asked, digest_size=32).digest()).digest()
