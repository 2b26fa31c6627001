"""How alembic reaches the tables: always over a connection that it is given."""

from alembic import context

from daskflow.stores.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
