"""One SQLite database: everything that must survive the process, and nothing else.

Not in it: repositories' contents beyond the catalog's facts, passphrases (only digests), tokens (only digests),
settings (a TOML file that people edit), logins that are not approved yet.
"""
