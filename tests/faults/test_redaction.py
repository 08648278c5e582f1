"""That no text makes redaction slow, at a size at which a square shows. Run by `make faults`."""

from __future__ import annotations

import pytest

from rhd.workflow.redaction.redact import redact
from tests.rhd.workflow.redaction.test_redact import PIECES


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", PIECES)
def test_cve_2026_0621_no_text_of_two_mebibytes_makes_it_slow(piece: str) -> None:
    """A few seconds each; what is quadratic and takes one second at 128 KiB would take four minutes."""
    size = 1 << 21
    redact((piece * (size // len(piece) + 1))[:size])
