from __future__ import annotations

import socket

import pytest

from rhctl.port_probe import is_port_taken


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_is_taken_while_a_program_listens_on_it(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.bind((host, 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert is_port_taken(host, port)
        assert is_port_taken("localhost", port) == (host == "127.0.0.1")
    assert not is_port_taken(host, port)


def test_an_address_that_is_not_of_this_machine_is_not_taken() -> None:
    assert not is_port_taken("192.0.2.1", 8765)
