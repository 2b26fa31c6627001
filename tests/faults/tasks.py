"""Small tasks of several tests, each start of them noted."""

from daskflow import task


@task
def small(x, ledger):
    ledger.note(f"small {x}")
    return x


@task
def large(x, ledger):
    """Return what does not ride back with the state."""
    ledger.note(f"large {x}")
    return bytes([x]) * 100_000
