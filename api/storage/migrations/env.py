"""Alembic's entry: migrates the connection it is given, in one transaction. See `api/storage/migrate.py`."""

from __future__ import annotations

import importlib
import pkgutil

from alembic import context

import api.storage
from api.storage.rows import Row

for module in pkgutil.iter_modules(api.storage.__path__, "api.storage."):
    if not module.ispkg:
        importlib.import_module(module.name)  # so that every table is known

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Row.metadata,
    transactional_ddl=True,  # SQLite can, since we begin explicitly
    transaction_per_migration=False,
    compare_type=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
