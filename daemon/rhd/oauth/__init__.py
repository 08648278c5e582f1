"""The authorization server: who may connect, proven by a passphrase or by the owner in a terminal.

It knows the store, the registry and `access`; nothing of HTTP frameworks or of MCP. What strangers send costs no
memory and no row: registrations and logins travel as signed values until the owner has approved them.
"""
