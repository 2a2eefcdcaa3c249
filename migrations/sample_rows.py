"""Sample rows for the plain switchboard (revision 0001): the same arguments give the same rows, byte for byte.

    python migrations/sample_rows.py --messages 10000 [--url URL]

The triggers stay on, so the cache table is what they make of the messages. Memory does not grow with their number.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import sample_traffic
from sample_traffic import Value
from sqlalchemy import Connection

from tsmigrate import connect, sandbox, sql
from tsmigrate.errors import BlockedError, TsmigrateError, UsageError
from tsmigrate.url import resolve

MESSAGES = 10_000
SEED = 20_250
UNTIL = datetime(2025, 3, 1, tzinfo=UTC)
ROWS_AT_ONCE = 10_000
SCHEMA = "sms"

# They are filled in this order. Early reports stay unresolved, because what would resolve them comes after.
TABLES = {
    "profiles": "id display_name channel reply_webhook_url status_webhook_url daily_segment_limit created_at",
    "sending_locations": "id profile_id reference_name center area_codes created_at",
    "phone_numbers": "id sending_location_id phone_number created_at cordoned_at released_at",
    "outbound_messages": "id created_at profile_id sending_location_id from_number to_number body media_urls stage "
    "estimated_segments send_before",
    "outbound_messages_routing": "id phone_number_id decision_stage attempts",
    "early_reports": "id message_id service_id event_type generated_at created_at error_codes extra",
    "outbound_messages_telco": "id service_id sent_at telco_status num_segments cost extra",
    "delivery_reports": "id message_id service_id event_type generated_at created_at error_codes extra",
    "delivery_report_forward_attempts": "id message_id event_type sent_at sent_body response_status_code response_body",
    "inbound_messages": "id sending_location_id from_number to_number body media_urls service_id num_segments "
    "received_at",
    "inbound_message_forward_attempts": "id message_id sent_at sent_body response_status_code response_body",
}
NUMBERED = ("delivery_report_forward_attempts", "inbound_message_forward_attempts")


def load(connection: Connection, messages: int = MESSAGES, *, seed: int = SEED, until: datetime = UNTIL) -> None:
    """Fill the empty tables with the traffic of the six weeks before `until`. The caller commits."""
    if messages < 0:
        raise UsageError(f"{messages} messages cannot be made", mend="give a number from 0 on")
    if until.tzinfo is None:
        raise UsageError(f"until = {until} has no time zone", mend="give one, such as datetime.UTC")
    _refuse_unless_empty(connection)
    batch: dict[str, StringIO] = {}
    for number, (table, row) in enumerate(sample_traffic.rows(messages, seed, until), start=1):
        batch.setdefault(table, StringIO()).write("\t".join(map(_copied, row)) + "\n")
        if number % ROWS_AT_ONCE == 0:
            _copy(connection, batch)
            batch = {}
    _copy(connection, batch)
    for table in NUMBERED:
        name = sql.qualified(table, SCHEMA)
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence({sql.literal(name)}, 'id'), max(id)) FROM {name} HAVING max(id) > 0"
        )


def for_rollback_test(connection: Connection) -> None:
    """The seed of `make rollback-test`: enough for several chunks of every table, few enough to be quick."""
    load(connection, 300)


def _refuse_unless_empty(connection: Connection) -> None:
    for table in sorted(set(TABLES) - {"early_reports"}):
        name = sql.qualified(table, SCHEMA)
        if connection.exec_driver_sql(f"SELECT to_regclass({sql.literal(name)}) IS NULL").scalar_one():
            raise BlockedError(f"there is no table {SCHEMA}.{table} to fill", mend="alembic upgrade 0001")
        if connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {name})").scalar_one():
            raise BlockedError(
                f"{SCHEMA}.{table} holds rows already, and sample rows go into empty tables only",
                mend="name a database that has the tables, but no rows in them",
            )


def _copy(connection: Connection, batch: dict[str, StringIO]) -> None:
    with connection.connection.cursor() as cursor:
        for table, columns in TABLES.items():
            if table in batch:
                target = sql.qualified("delivery_reports" if table == "early_reports" else table, SCHEMA)
                listed = ", ".join(map(sql.identifier, columns.split()))
                batch[table].seek(0)
                cursor.copy_expert(f"COPY {target} ({listed}) FROM STDIN", batch[table])


def _copied(value: Value) -> str:
    """`value` in COPY's text format."""
    match value:
        case None:
            return r"\N"
        case str():
            return _escaped(value)
        case dict():
            return _escaped(json.dumps(value, ensure_ascii=False))
        case list():
            return "{" + ",".join(value) + "}"  # no element of ours needs quotes
        case _:
            return str(value)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\t", r"\t").replace("\n", r"\n").replace("\r", r"\r")


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill the plain switchboard with sample rows.")
    parser.add_argument("--messages", type=int, default=MESSAGES, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed, other rows (default: %(default)s)")
    parser.add_argument("--url", help="the database; by default as for Alembic")
    given = parser.parse_args()
    try:
        ini = Path(__file__).parents[1] / "alembic.ini"
        database = resolve(given.url, ini=ini, sandbox=sandbox.running_url)
        with connect.connection(database) as connection:
            load(connection, given.messages, seed=given.seed)
            connection.commit()
    except TsmigrateError as error:
        mend = f"\n  mend: {error.mend}" if error.mend else ""
        print(f"error: {error.message}{mend}", file=sys.stderr)  # noqa: T201 - a program's outcome
        sys.exit(error.exit_code)
    print(f"{given.messages} messages and what belongs to them are in {database}")  # noqa: T201 - likewise


if __name__ == "__main__":
    main()
