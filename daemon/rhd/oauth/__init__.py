"""The authorization server: who may connect, proven by a passphrase or by the owner in a terminal.

It knows the store, the registry and `access`; nothing of HTTP frameworks or of MCP. Registrations and logins are not
stored until the owner has approved them: until then they are signed values that the client and the browser carry.
"""
