"""Which addresses are public, and which are this machine's own."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Network, IPv6Network

# What `is_global` of some supported Python lets pass: relays and translators that carry another address inside.
_NEVER_4 = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
_GLOBAL_6 = IPv6Network("2000::/3")
_NEVER_6 = (
    IPv6Network("2001::/23"),  # Teredo, ORCHID and other special purposes
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: any IPv4 address inside
    IPv6Network("3fff::/20"),  # documentation
)


def is_loopback(host: str) -> bool:
    """Say whether a host name or literal address is this machine's loopback."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Say whether a literal address is one of a public host.

    IPv6 outside of 2000::/3 is refused as a whole: loopback, link-local, unique local, IPv4-mapped, NAT64 and
    multicast live there.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None or parsed not in _GLOBAL_6:
            return False
        return not any(parsed in network for network in _NEVER_6)
    if parsed.is_multicast or parsed.is_reserved or not parsed.is_global:
        return False
    return not any(parsed in network for network in _NEVER_4)
