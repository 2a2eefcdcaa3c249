"""tsmigrate takes a plain PostgreSQL schema to TimescaleDB with Alembic, and back, exactly."""

__version__ = "0.1.0"
