"""`Artifact`: what the catalog keeps of one file, and `Artifacts`: all of them, sorted by path, immutable.

A daemon holds tens of thousands of these. Everything but the path is packed into one `bytes`, and the mapping is a
sorted tuple instead of a dict: together about 250 bytes each, a third of what ten attributes would take.
"""

from __future__ import annotations

import json
import struct
import time
from base64 import urlsafe_b64decode
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping

from rhd.access import PROFILES, Reach
from rhd.rel_path import RelPath
from rhd.store.change_rows import ArtifactRow
from rhd.workflow.kinds import KINDS, kind_of
from rhd.workflow.outline import Outline
from rhd.workflow.reach import may_read
from rhd.workflow.redaction.redact import compared_path, redact_path
from rhd.workflow.revisions import spelled

Signature = tuple[int, int, int, int]
"""Inode, size, and both times in nanoseconds; a changed time of -1 equals no file's and has it looked at again."""

_NUMBERS = struct.Struct("<QQqq9sHHBBB")
# What is asked of every artifact of a list is picked out by itself.
_MODIFIED, _MODIFIED_AT = struct.Struct("<q"), 16
_READERS_AT, _KIND_AT = _NUMBERS.size - 3, _NUMBERS.size - 2
_HAS_CARDS, _IS_FINISHED, _WAS_AHEAD = 0x80, 0x40, 0x20
_SEEN = struct.Struct("<q")
_KERNEL_TICK_NS = 10_000_000
"""A file system's clock is behind the time of day by so much at most."""

_BITS = {name: 1 << position for position, name in enumerate(PROFILES)}
# Profiles that read the same are asked about once.
_REACHES: dict[Reach, int] = {}
for _name, _profile in PROFILES.items():
    _reach = Reach("readers", _profile.reach.reads, (), _profile.reach.denied)
    _REACHES[_reach] = _REACHES.get(_reach, 0) | _BITS[_name]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}


class Artifact:
    """One artifact, as last looked at."""

    __slots__ = ("_packed", "_path")

    def __init__(
        self, path: str, signature: Signature, digest: bytes, outline: Outline, seen_ns: int | None = None
    ) -> None:
        """Keep what was read.

        Args:
            path: of the file.
            signature: what the file looked like.
            digest: what its version spells (`revisions.version_digest`).
            outline: what was read in it.
            seen_ns: when it was read, in nanoseconds since the epoch, if that was before the file's own time. Default:
                found out.
        """
        done, total = outline.cards or (0, 0)
        if seen_ns is None and signature[2] > time.time_ns():
            seen_ns = time.time_ns() - _KERNEL_TICK_NS
        is_ahead = seen_ns is not None and signature[2] > seen_ns
        status = (outline.status or "").encode("utf-8", "replace")
        title = (outline.title or "").encode("utf-8", "replace")
        self._path = str(path)
        self._packed = b"".join(
            (
                _NUMBERS.pack(
                    *signature,
                    digest,
                    done,
                    total,
                    _readers(path)
                    | (_HAS_CARDS if outline.cards else 0)
                    | (_IS_FINISHED if outline.is_finished else 0)
                    | (_WAS_AHEAD if is_ahead else 0),
                    _KIND_NUMBERS[kind_of(path)],
                    len(status),
                ),
                status,
                title,
                _SEEN.pack(seen_ns) if is_ahead else b"",
            )
        )

    @property
    def path(self) -> RelPath:
        """Its path."""
        return RelPath.trust(self._path)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self._path.rpartition("/")[2]

    @property
    def kind(self) -> str:
        """What it is, one of `KINDS`."""
        return KINDS[self._packed[_KIND_AT]]

    @property
    def title(self) -> str:
        """What it is called: by itself, or else its file's name, redacted like a title."""
        return self.outline.title or redact_path(self.name)

    @property
    def status(self) -> str | None:
        """What it says of its own state."""
        return self.outline.status

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self._numbers[1]

    @property
    def modified_ns(self) -> int:
        """When its content was last changed, in nanoseconds since the epoch."""
        modified_ns: int = _MODIFIED.unpack_from(self._packed, _MODIFIED_AT)[0]
        return modified_ns

    @property
    def recency_ns(self) -> int:
        """When it was last changed, for telling what is newest: never later than when the file was read."""
        if self._packed[_READERS_AT] & _WAS_AHEAD:
            seen_ns: int = _SEEN.unpack_from(self._packed, len(self._packed) - _SEEN.size)[0]
            return seen_ns
        return self.modified_ns

    @property
    def version(self) -> str:
        """A short keyed digest of its content, for noticing a change; not a revision."""
        return spelled(self.digest)

    @property
    def digest(self) -> bytes:
        """What its version spells."""
        return self._numbers[4]

    @property
    def done(self) -> int | None:
        """Of a sprint, how many cards are done."""
        return self.outline.cards[0] if self.outline.cards else None

    @property
    def total(self) -> int | None:
        """Of a sprint, how many cards there are."""
        return self.outline.cards[1] if self.outline.cards else None

    @property
    def signature(self) -> Signature:
        """What the file looked like when it was read."""
        return self._numbers[:4]

    @property
    def outline(self) -> Outline:
        """What was read in it."""
        numbers = self._numbers
        at = _NUMBERS.size + numbers[9]
        end = len(self._packed) - (_SEEN.size if numbers[7] & _WAS_AHEAD else 0)
        return Outline(
            self._packed[at:end].decode() or None,
            self._packed[_NUMBERS.size : at].decode() or None,
            numbers[5:7] if numbers[7] & _HAS_CARDS else None,
            bool(numbers[7] & _IS_FINISHED),
        )

    def row(self) -> ArtifactRow:
        """Return what the store keeps of it."""
        outline = self.outline
        facts: dict[str, object] = {"version": self.version}
        if outline.title is not None:
            facts["title"] = outline.title
        if outline.status is not None:
            facts["status"] = outline.status
        if outline.cards is not None:
            facts["cards"] = outline.cards
        if outline.is_finished:
            facts["finished"] = True
        if self.recency_ns != self.modified_ns:
            facts["seen_ns"] = self.recency_ns
        signature = ".".join(f"{number:x}" for number in self.signature)
        return ArtifactRow(self._path, signature, _encode(facts))

    @classmethod
    def from_row(cls, row: ArtifactRow) -> Artifact | None:
        """Return the artifact that a row keeps; None for a row of another version's making."""
        try:
            inode, size_bytes, modified_ns, changed_ns = (int(number, 16) for number in row.signature.split("."))
            facts = json.loads(row.facts)
            done_total = facts.get("cards")
            cards = None if done_total is None else (int(done_total[0]), int(done_total[1]))
            outline = Outline(facts.get("title"), facts.get("status"), cards, bool(facts.get("finished")))
            digest = urlsafe_b64decode(facts["version"])
            seen_ns = int(facts.get("seen_ns", modified_ns))
            return cls(row.path, (inode, size_bytes, modified_ns, changed_ns), digest, outline, seen_ns)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error):
            return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifact) and (self._path, self._packed) == (other._path, other._packed)

    def __hash__(self) -> int:
        return hash((self._path, self._packed))

    def __repr__(self) -> str:
        return f"<Artifact {self.kind} {self._path!r}>"

    @property
    def _numbers(self) -> tuple[int, int, int, int, bytes, int, int, int, int, int]:
        return _NUMBERS.unpack_from(self._packed)


class Artifacts(Mapping[str, Artifact]):
    """Artifacts by path, in the order of their paths; never changed, so that any thread may keep one."""

    __slots__ = ("_sorted",)

    def __init__(self, artifacts: Iterable[Artifact] = ()) -> None:
        self._sorted = tuple(sorted(artifacts, key=_path_of))

    def __getitem__(self, path: str) -> Artifact:
        at = bisect_left(self._sorted, path, key=_path_of)
        if at == len(self._sorted) or _path_of(self._sorted[at]) != path:
            raise KeyError(path)
        return self._sorted[at]

    def __iter__(self) -> Iterator[str]:
        return map(_path_of, self._sorted)

    def __len__(self) -> int:
        return len(self._sorted)

    def spelled(self, path: str) -> str:
        """Return `path` as the catalog spells it.

        It may be composed or decomposed (NFC, NFD), or redacted, as lists show it.
        """
        if path in self:
            return path
        wanted = compared_path(path)
        others = (other for other in self if "[REDACTED:" in path or not other.isascii())
        return next((other for other in others if compared_path(other) == wanted), path)

    def all(self) -> tuple[Artifact, ...]:
        """Return the artifacts themselves; what `values` yields, without looking each one up."""
        return self._sorted

    def readable_by(self, profiles: Collection[str]) -> list[Artifact]:
        """Return those that one of these profiles may read, sorted by path."""
        bits = _bits(profiles)
        return [a for a in self._sorted if a._packed[_READERS_AT] & bits]  # noqa: SLF001  # tens of thousands at once


def _bits(profiles: Collection[str]) -> int:
    return sum(_BITS[name] for name in set(profiles))


def _path_of(artifact: Artifact) -> str:
    return artifact._path  # noqa: SLF001  # as it is kept: `path` would make a new object each time


def _readers(path: str) -> int:
    return sum(bits for reach, bits in _REACHES.items() if may_read(reach, path))
