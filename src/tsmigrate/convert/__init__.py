"""Between a plain table and a hypertable: each function here gives one DO block as text.

The block finds what it must know in the catalogs when it runs, so that the same text serves a connection and a script
for psql, and any table. It runs as the table's owner, and leaves nothing behind but the change.
"""
