"""The daemon, with a fault built in: at SIGUSR1 its loop stalls, as on a call that blocks for ever."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

from rhd.commandline import main


def stall(number: int, frame: FrameType | None) -> None:
    """Hold the main thread, in which the loop runs."""
    while True:
        time.sleep(60)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, stall)
    sys.exit(main(sys.argv[1:]))
