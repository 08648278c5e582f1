"""`WrongPassphrases`: how a wrong one is answered.

Passphrases are 192 random bits: they cannot be guessed, so nothing needs to be locked. What many guesses must
not do is fill the machine or keep the owner out: so wrong ones are answered after a second, a bounded number of
them waits, and no counter is ever asked whether the right one is accepted.
"""

from __future__ import annotations

import trio

from rhd.errors import Refusal
from rhd.hosting.fair_queue import step_aside
from rhd.store.audit import NO_GRANT, AuditLog

DELAY_S = 1.0
MAX_WAITING = 64


class WrongPassphrases:
    """Counts wrong passphrases and delays their answers."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self.count = 0
        self.waiting = 0

    async def answer(self, count: int = 1, *, client: str | None = None, is_delayed: bool = True) -> None:
        """Return when a request that held `count` wrong passphrases may be told so.

        Args:
            count: how many it held.
            client: the name of the client that the login is for.
            is_delayed: False if the same request held a right one.

        Raises:
            Refusal: TOO_MANY_TRIES at once, as many are waiting already.
        """
        self.count += count
        self._audit.event("login.wrong", "WRONG_PASSPHRASE", principal=NO_GRANT, client=client, count=count)
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
