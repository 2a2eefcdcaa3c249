"""From a hypertable back to the plain table it was: definitions byte for byte, rows as they are now."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsmigrate import undo
from tsmigrate.catalog.relation import Relation
from tsmigrate.convert.blocks import expanded, locked, name
from tsmigrate.plpgsql import Locking, as_do, tell
from tsmigrate.sql import literal


@dataclass(frozen=True)
class RevertRequest:
    table: Relation | str  # a plain string is a name that the search_path finds
    key: undo.Key  # that of the conversion
    locking: Locking = field(default_factory=Locking)


def plain_table(request: RevertRequest) -> str:
    """The block that makes the hypertable a plain table again.

    The rows move into a new table of the same name, and everything the catalogs know of the hypertable is said of the
    new one, dependents included; then the catalogs are asked again, and a difference, or something that still needs
    the hypertable, takes everything back. What it cannot give back it refuses beforehand (`plpgsql.REFUSED`).

    A table that was attached (`attach.attached`) is detached instead, and the rows of other chunks move into it. Where
    that would not give back what it should, the rows are copied after all.

    A table that was partitioned (`partitioned.or_else`) comes back with its partitions, each with its rows. Rows that
    none of them holds are refused beforehand.
    """
    return as_do(plain_table_again(request))


def plain_table_again(request: RevertRequest) -> str:
    """The same as a block within another one."""
    return expanded(
        "plain_table",
        goal="goal",
        target="c.relation",
        table=literal(name(request.table)),
        lock=locked(request.table, request.locking),
        hold=literal("tsmigrate_hold"),
        further_counts="further_counts",
        further_counted=", homeless",
        partitioned_table="target",
        look=undo.look(request.key, "remembered"),
        attached_name="attached",
        recall=undo.recall(request.key, "remembered"),
        tell_gone=tell(
            "format('%s is copied back: %s, which was attached, is no chunk of it any more', table_name, "
            "remembered ->> 'attached')"
        ),
        tell_partition_gone=tell(
            "format('the partition %s of %s is gone: it is no chunk of it any more', partition.known_as, table_name)",
            "WARNING",
        ),
        tell_copied=tell("format('%s is copied back, since it cannot be detached: %s', table_name, SQLERRM)"),
    )
