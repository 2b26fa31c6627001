"""What travels to the worker, and the loop that drives a run."""
