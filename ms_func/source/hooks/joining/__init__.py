"""`if`: regions that are recorded side by side, and one value for what they leave in one place."""
