"""What would be done to a node: steps, the plan made of them, and its file."""
