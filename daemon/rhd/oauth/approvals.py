"""`Approvals`: logins whose page waits for the owner's word in a terminal, by their short code.

Bounded: when it is full, the login whose page was seen longest ago is dropped. A page that is still open comes back
within seconds, so a flood would have to be faster than that to keep the owner's own login out.
"""

from __future__ import annotations

from collections import OrderedDict

import trio

from rhd.errors import Refusal
from rhd.hosting.fair_queue import step_aside
from rhd.hosting.waits import Waits
from rhd.oauth.login import Login

MAX_LOGINS = 4096
MAX_HELD = 64
HELD_S = 20.0


class _Waiting:
    __slots__ = ("answered", "login")

    def __init__(self, login: Login) -> None:
        self.login = login
        self.answered = trio.Event()


class Approvals:
    """Holds logins, newest last.

    Attributes:
        waits: those of pages; ended when the daemon drains.
    """

    def __init__(self) -> None:
        self.waits = Waits()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._held = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, code: str, login: Login) -> None:
        """Hold a login under its code, or note that its page is still there. A code never stands for another login."""
        if (held := self._waiting.get(code)) is None:
            self._waiting[code] = _Waiting(login)
        elif held.login.id != login.id:
            return
        self._waiting.move_to_end(code)
        while len(self._waiting) > MAX_LOGINS:
            self._waiting.popitem(last=False)

    def find(self, code: str) -> Login:
        """Return the login that waits under a code, however the owner typed it.

        Raises:
            Refusal: APPROVAL_NOT_FOUND.
        """
        letters = "".join(c for c in code.lower() if c.isalnum())
        held = self._waiting.get(f"{letters[:4]}-{letters[4:]}")
        if held is None:
            raise Refusal("no login with that code is waiting", code="APPROVAL_NOT_FOUND")
        return held.login

    def leave(self, code: str) -> None:
        """Drop a login that was answered, and wake what waits for that."""
        if (held := self._waiting.pop(code, None)) is not None:
            held.answered.set()

    async def wait(self, code: str) -> None:
        """Return when a login was answered, or after twenty seconds; at once if too many wait, or at the end."""
        held = self._waiting.get(code)
        if held is None or self._held >= MAX_HELD:
            return
        self._held += 1
        step_aside()
        try:
            with self.waits.at_most(HELD_S):
                await held.answered.wait()
        finally:
            self._held -= 1
