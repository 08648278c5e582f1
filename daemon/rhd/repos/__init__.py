"""Which repositories are adopted, and one supervised service for each."""
