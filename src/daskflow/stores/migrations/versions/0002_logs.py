"""What task runs have logged."""

from alembic import op

from daskflow.stores.schema import logs

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of it."""
    logs.create(op.get_bind())
