"""Brings the tables to what this version of daskflow knows, in one transaction."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from daskflow.errors import StoreError

HEAD = "0003"  # the newest migration
_FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Make or change the tables where they are not as they should be.

    Raises
    ------
    StoreError
        A newer daskflow has made them.
    """
    found = _revision(connection)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        msg = (
            f"the store was made by a newer daskflow (its tables are {found}, this one knows "
            f"{HEAD}): install the newer one, or name another store in DASKFLOW_STORE__URL"
        )
        raise StoreError(msg)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def is_current(connection: Connection) -> bool:
    """Return whether the tables are what this version of daskflow knows."""
    return _revision(connection) == HEAD


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
