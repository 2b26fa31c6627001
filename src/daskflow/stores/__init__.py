"""What is kept of runs: their history, who drives them, what was cached."""
