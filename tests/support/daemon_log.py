"""A logger whose lines the ring of a daemon in this process keeps, for `rhctl logs`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rhd.logs import JsonFormat
from tests.support.inprocess import Running


@contextmanager
def daemon_log(daemon: Running) -> Iterator[logging.Logger]:
    """Yield the logger."""
    ring = daemon.context.log_ring
    ring.setFormatter(JsonFormat())
    logger = logging.getLogger("rhd.test")
    logger.addHandler(ring)
    logger.setLevel(logging.DEBUG)
    try:
        yield logger
    finally:
        logger.removeHandler(ring)
        logger.setLevel(logging.NOTSET)
