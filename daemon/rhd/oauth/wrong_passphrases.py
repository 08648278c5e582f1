"""`WrongPassphrases`: how a wrong one is answered.

Passphrases are 192 random bits, so nobody guesses one and nothing needs to be locked. What a storm of guesses must
not do is fill the machine or keep the owner out: so wrong ones are answered after a second, a bounded number of
them waits, and no counter is ever asked whether the right one is accepted.
"""

from __future__ import annotations

import trio

from rhd.errors import Refusal
from rhd.hosting.fair_queue import step_aside
from rhd.oauth.audit_bursts import AuditBursts

DELAY_S = 1.0
MAX_WAITING = 64


class WrongPassphrases:
    """Counts wrong passphrases and delays their answers."""

    def __init__(self, storms: AuditBursts) -> None:
        self._storms = storms
        self.count = 0
        self.waiting = 0

    async def answer(self, count: int = 1, *, is_delayed: bool = True) -> None:
        """Return when a request that held `count` wrong passphrases may be told so.

        Raises:
            Refusal: TOO_MANY_TRIES at once, as many are waiting already.
        """
        self.count += count
        self._storms.note("login.wrong", "WRONG_PASSPHRASE", count=count)
        if not is_delayed:
            return
        if self.waiting >= MAX_WAITING:
            raise Refusal(
                "Too many wrong passphrases are being answered at this moment; the right one is always accepted.",
                code="TOO_MANY_TRIES",
            )
        self.waiting += 1
        step_aside()
        try:
            await trio.sleep(DELAY_S)
        finally:
            self.waiting -= 1
