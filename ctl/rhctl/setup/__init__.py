"""One file a client: what its configuration looks like, and where it stands."""
