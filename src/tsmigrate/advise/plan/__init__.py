"""What is to become of the tables: drafted from the advice, written to a file, edited, and read again."""
