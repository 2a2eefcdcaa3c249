"""What a database holds: its schema as text, its tables and sequences, and the checksum of its rows. Reads only."""
