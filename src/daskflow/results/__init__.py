"""Values that task runs return: how they become bytes, and whether they can."""
