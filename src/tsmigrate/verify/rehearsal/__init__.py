"""The rollback test on a copy of a live database: its schema, and a small sample of its rows."""
