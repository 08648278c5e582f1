"""That no text makes redaction slow, at a size at which a square shows, and what it finds. Run by `make faults`."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from rhd.workflow.redaction.redact import redact
from tests.rhd.workflow.redaction.test_redact import PIECES
from tests.support.secret_corpus import BENIGN, DRAWS, SECRETS


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", PIECES)
def test_cve_2026_0621_no_text_of_two_mebibytes_makes_it_slow(piece: str) -> None:
    """A few seconds each; what is quadratic and takes one second at 128 KiB would take four minutes."""
    size = 1 << 21
    redact((piece * (size // len(piece) + 1))[:size])


def test_recall_and_precision_over_the_blind_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten corpora of 30 draws a kind; the figures are printed."""
    missed, touched = Counter[str](), Counter[str]()
    for seed in range(10):
        rng = random.Random(seed)
        for kind, make in SECRETS.items():
            for _ in range(DRAWS):
                secret = make(rng)
                missed[kind] += secret.leaked_in(redact(secret.text).text)
        for kind, harmless in BENIGN.items():
            touched[kind] += sum(bool(redact(harmless(rng)).counts) for _ in range(DRAWS))
    total = 10 * DRAWS * len(SECRETS)
    with capsys.disabled():
        print(f"\nrecall {1 - missed.total() / total:.4f} over {len(SECRETS)} kinds, {total} secrets")
        print(f"false positives {touched.total()} of {10 * DRAWS * len(BENIGN)}; missed most: {missed.most_common(4)}")
    assert missed.total() <= 0.05 * total
    assert touched.total() == 0
