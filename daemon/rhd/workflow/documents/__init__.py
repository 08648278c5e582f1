"""What the tools write: PRDs, checklist sprints, goals, handoff notes. Pure text in, pure text out."""
