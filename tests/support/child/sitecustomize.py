"""Runs in every Python that a test starts: see tests/support/audit_hook.py, which this runs by its path.

Nothing but os and sys is imported, and `tests` is no package there, so that what a child imports stays its own.
"""

import os

_hook = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "audit_hook.py")
with open(_hook, encoding="utf-8") as _source:
    exec(compile(_source.read(), _hook, "exec"), {"__name__": "<confinement>", "__file__": _hook})
