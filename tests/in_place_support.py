"""A table whose triggers meddle with its rows, for conversions in place."""

from __future__ import annotations

from collections.abc import Callable

from convert_support import Session
from tsmigrate import connect
from tsmigrate.catalog import checksum
from tsmigrate.catalog.snapshot import Snapshot

READINGS = """
CREATE TABLE readings (id bigint GENERATED ALWAYS AS IDENTITY, ts timestamptz, value numeric, note text,
                       PRIMARY KEY (id, ts));
INSERT INTO readings (ts, value, note)
SELECT '2026-01-01'::timestamptz + n * interval '1 hour', n / 7.0, 'note ' || n FROM generate_series(1, 745) n;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; NEW.note := ''altered''; RETURN NEW; END';
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE heard (what text);
CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO public.heard VALUES (TG_OP || '' '' || TG_LEVEL); RETURN NULL; END';
"""
Take = Callable[[], Snapshot]


def rows_of(session: Session, table: str = "readings", schema: str = "public") -> checksum.Rows:
    with connect.connection(session.database) as connection:
        return checksum.of_table(connection, table, schema)
