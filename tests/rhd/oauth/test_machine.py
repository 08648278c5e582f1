"""A short walk of the state machine; the long one is in tests/faults."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.support.oauth_machine import OAuthMachine

TestMachine = OAuthMachine.TestCase
TestMachine.settings = settings(
    max_examples=8, stateful_step_count=30, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
TestMachine.pytestmark = [pytest.mark.slow]
