"""The table of checks: what can be wrong, why, and what to do. Facts of higher rooms are handed in."""
