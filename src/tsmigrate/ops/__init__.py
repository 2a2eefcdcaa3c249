"""tsmigrate inside Alembic: the operations, and what env.py needs to run them."""
