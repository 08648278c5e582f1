"""`list_repos`, which only the hub has."""

from __future__ import annotations

from rhd.endpoint.tools.shapes import BOOLEAN, STRING, Schema, closed, every, listed

NAME = "list_repos"
TITLE = "List repositories"
DESCRIPTION = (
    "Use this when you do not know which repositories you can reach, or what to pass as repo. default is the one that "
    "is used when repo is left out; there is one only if a single repository was granted."
)
INPUT: Schema = closed([])
OUTPUT: Schema = every(repos=listed(every(slug=STRING, name=STRING, profiles=listed(STRING), default=BOOLEAN)))
