"""End to end, on the lab's real nodes."""
