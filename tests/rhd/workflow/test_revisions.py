"""rhd.workflow.revisions: names for bytes that only this installation can make."""

from __future__ import annotations

import pytest

from rhd.errors import Refusal
from rhd.ids import Revision
from rhd.workflow.revisions import (
    VERSION_BYTES,
    digest_of,
    revision_of,
    spelled,
    version_digest,
    version_of,
)

KEY, OTHER = b"k" * 32, b"o" * 32


def test_a_revision_names_the_exact_bytes() -> None:
    assert revision_of(KEY, b"text") == revision_of(KEY, b"text")
    assert len({revision_of(KEY, data) for data in (b"text", b"text\n", b"", b"Text")}) == 4
    assert Revision(revision_of(KEY, b"text")) == revision_of(KEY, b"text")


def test_another_installation_names_the_same_bytes_otherwise() -> None:
    assert revision_of(KEY, b"text") != revision_of(OTHER, b"text")
    assert version_of(KEY, b"text") != version_of(OTHER, b"text")


def test_a_version_is_no_revision_and_no_part_of_one() -> None:
    version = version_of(KEY, b"text")
    assert len(version) == 12
    assert version == spelled(version_digest(KEY, b"text"))
    assert len(version_digest(KEY, b"text")) == VERSION_BYTES
    assert version not in revision_of(KEY, b"text")
    for attempt in (version, f"r1_{version}"):
        with pytest.raises(Refusal):
            Revision(attempt)
    assert not revision_of(KEY, b"text").startswith(f"r1_{version[:4]}"), "lengthening one gives no revision either"


def test_digests_for_different_purposes_have_nothing_in_common() -> None:
    assert digest_of(KEY, b"one", b"text", 16) != digest_of(KEY, b"two", b"text", 16)
