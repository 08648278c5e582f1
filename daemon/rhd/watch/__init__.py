"""File-system hints for many roots, from one watcher. Hints only: whoever is hinted looks and compares."""
