"""File-system hints for many roots, from one watcher. They are hints only: the receiver looks and compares."""
