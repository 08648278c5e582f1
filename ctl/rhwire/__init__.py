"""What both sides of the control socket agree on: homes and paths, messages, codes.

Standard library only, and of that only what starts fast: `rhctl status` is a new process each time, so
nothing here imports dataclasses, typing, enum, pathlib or logging at run time.
"""
