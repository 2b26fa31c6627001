"""What people want of runs that other processes drive."""

from alembic import op

from daskflow.stores.schema import orders

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table of it."""
    orders.create(op.get_bind())
