"""Agent runs: one fixed goal, carried out by a local agent, as a job that is watched, limited and stopped."""
