"""Questions to answers."""
