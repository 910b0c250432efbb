"""What must reach whom, and did it."""
