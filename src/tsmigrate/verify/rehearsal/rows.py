"""The rows of the copy: Alembic's own, the sample, what it refers to, and where sequences stand; and what is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsmigrate import connect
from tsmigrate.apt import Progress
from tsmigrate.catalog.relation import Relation
from tsmigrate.errors import BlockedError
from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import literal, raw
from tsmigrate.url import DatabaseUrl
from tsmigrate.verify import contents
from tsmigrate.verify.rehearsal import references, tables
from tsmigrate.verify.rehearsal.sample import Sample, copy_sequences, sample
from tsmigrate.verify.rehearsal.source import Source, UnreadableError

_MOST_NAMED = 5


def version(source: Source, table: Relation) -> list[str]:
    """The revisions that the source has, of which nothing applied builds on others."""
    found = source.connection.execute(raw(f"SELECT to_regclass({literal(str(table))})")).scalar_one()
    if found is None:
        return []
    try:
        return [row.text.decode() for row in source.rows(["t.version_num"], f"FROM {table} AS t")]
    except UnreadableError as error:
        raise BlockedError(
            f"which revisions {source.database} has cannot be read from {table}: {error}",
            mend=f"GRANT SELECT ON {table} to the role",
        ) from error


def stamp(database: DatabaseUrl, table: Relation, heads: Sequence[str]) -> None:
    with connect.connection(database) as connection:
        for head in heads:
            connection.execute(raw(f"INSERT INTO {table} (version_num) VALUES ({literal(head)})"))
        connection.commit()


def copy(
    source: Source,
    into: DatabaseUrl,
    version_table: Relation,
    rows: int,
    progress: Progress,
) -> list[Finding]:
    """`rows` of each table that is in the copy, and what they refer to."""
    findings = list(_of_sequences(copy_sequences(source, into)))
    if not rows:
        told = "no row was read: the copy is of the schema alone, and its rows are made up"
        return [*findings, Finding("rows", Severity.OK, told)]
    with connect.connection(into) as target:
        there = set(contents.tables_of_the_user(target, version_table.name))
        found = [each for each in tables.readable(source.connection) if each.relation in there]
        made = sample(source, target, found, rows, progress)
        cuts = references.complete(made, rows, progress)
        target.commit()
    return [*findings, *_told(made, cuts)]


def _of_sequences(missed: Sequence[Relation]) -> Iterator[Finding]:
    if missed:
        named = ", ".join(map(str, missed[:_MOST_NAMED])) + (" …" if len(missed) > _MOST_NAMED else "")
        yield Finding(
            "sequences",
            Severity.NOTE,
            f"{len(missed)} begin anew in the copy, because the role may not read where they stand: {named}",
            mend="GRANT SELECT on them to the role",
        )


def _told(made: Sample, cuts: Sequence[references.Cut]) -> Iterator[Finding]:
    filled = [taken for taken in made.taken.values() if taken.rows]
    referred = sum(taken.referred for taken in filled)
    yield Finding(
        "rows",
        Severity.OK,
        f"{sum(taken.rows for taken in filled):,} rows of {len(filled):,} tables were read, "
        f"{referred:,} of them because others refer to them",
        why="they are the source's own, as they are: they stay in the sandbox, on this machine (--rows 0 takes none)",
    )
    for relation, taken in made.taken.items():
        if taken.reason:
            had = f"{taken.rows:,} rows" if taken.rows else "no row"
            yield Finding("rows", Severity.NOTE, f"{had} of {relation}: {taken.reason}")
    for cut in cuts:
        yield Finding(
            "rows",
            Severity.NOTE,
            str(cut),
            why="the row that it names could not be read, is not there, or is one of too long a chain",
        )
