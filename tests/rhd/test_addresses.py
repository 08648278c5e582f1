"""Which addresses a document may be fetched from."""

from __future__ import annotations

import pytest

from rhd.addresses import is_public

PRIVATE = {
    "this host": ["0.0.0.0", "0.1.2.3", "::"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.255"],
    "link-local, cloud metadata": ["169.254.169.254", "fe80::1", "fe80::1%eth0"],
    "unique local": ["fc00::1", "fd00:ec2::254"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8"],
    "IPv4-compatible": ["::127.0.0.1", "::7f00:1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "192.88.99.1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "multicast": ["224.0.0.1", "239.1.1.1", "ff02::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.8", "192.0.0.9", "4000::1", "5f00::1"],
    "no address": ["", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4.5", "example.com"],
}


@pytest.mark.parametrize(("kind", "address"), [(kind, a) for kind, found in PRIVATE.items() for a in found])
def test_an_address_that_is_not_a_public_hosts_is_refused(kind: str, address: str) -> None:
    assert not is_public(address), kind


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "104.18.32.7", "2606:4700::6810:85e5", "2a00:1450:4001::200e"]
)
def test_an_address_of_a_public_host_is_taken(address: str) -> None:
    assert is_public(address)
