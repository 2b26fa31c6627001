"""The first tables."""

from alembic import op

from daskflow.stores.schema import metadata

revision = "0001"
down_revision = None

FIRST = ("runs", "spaces", "segments", "events", "cache", "ops")


def upgrade() -> None:
    """Make the tables that there were at first."""
    metadata.create_all(op.get_bind(), [metadata.tables[name] for name in FIRST])
