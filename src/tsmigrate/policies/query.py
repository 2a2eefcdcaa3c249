"""The query of a continuous aggregate, taken apart so that it can be asked for the buckets of a window alone.

PostgreSQL's own parser reads it. What it gives are texts with markers (`FROM`, `TO`, `AT`), which the server puts in,
for only it knows the type of the partition column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tsmigrate.sql import identifier, qualified

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg

FROM, TO, AT = '"tsmigrate: from"', '"tsmigrate: to"', '"tsmigrate: at"'
SELECT_INSTEAD = "build the aggregate on one SELECT over one hypertable, joined to plain tables if need be"


@dataclass(frozen=True)
class Read:
    """A table that the query reads."""

    alias: str
    name: str  # quoted
    nullable: bool  # on the side of an outer join where rows may be missing


@dataclass(frozen=True)
class Buckets:
    """A query that can be refreshed by buckets."""

    windowed: str  # the query for the buckets from FROM to before TO
    bucket_of: str  # an expression: the bucket of AT
    width: str  # an expression: how wide it is
    keys: tuple[int, ...]  # which columns of the result make it unique, the bucket first; counted from 1
    all_keys: bool  # the query groups by nothing else
    reads: tuple[Read, ...]
    qualifier: str  # what stands before the partition column in time_bucket; often nothing
    column: str
    functions: tuple[str, ...]


@dataclass(frozen=True)
class NoBuckets:
    """Why a query cannot be refreshed by buckets."""

    reason: str
    mend: str = SELECT_INSTEAD


class _UnfitError(Exception):
    def __init__(self, reason: str, mend: str = SELECT_INSTEAD) -> None:
        super().__init__(reason)
        self.found = NoBuckets(reason, mend)


def take_apart(query: str) -> Buckets | NoBuckets:
    from postgast import PgQueryError, parse  # noqa: PLC0415 - takes a while, and most runs need none of it

    try:
        tree = parse(query)
    except PgQueryError as error:
        return NoBuckets(f"it cannot be read: {error}", "correct the query")
    try:
        return _buckets(tree)
    except _UnfitError as unfit:
        return unfit.found


def _buckets(tree: pg.ParseResult) -> Buckets:
    select = _plain_select(tree)
    _quote_names_of_arguments(tree)
    reads = tuple(_reads(select))
    targets = [target.res_target for target in select.target_list]
    _refuse_shadowed(targets)
    place, bucket = _bucket(select, targets)
    qualifier, column = _partition_column(bucket)
    keys = [_place(item, targets) for item in select.group_clause]
    others = [key for key in dict.fromkeys(keys) if key is not None and key != place]
    return Buckets(
        windowed=_windowed(tree, bucket),
        bucket_of=_of_marker(bucket),
        width=_text(bucket.args[0]),
        keys=(place, *others),
        all_keys=None not in keys,
        reads=reads,
        qualifier=qualifier,
        column=column,
        functions=tuple(sorted(_functions(tree))),
    )


def _plain_select(tree: pg.ParseResult) -> pg.SelectStmt:
    from postgast import find_nodes  # noqa: PLC0415
    from postgast import pg_query_pb2 as pg  # noqa: PLC0415

    if len(tree.stmts) != 1 or not tree.stmts[0].stmt.HasField("select_stmt"):
        raise _UnfitError("it is not one SELECT")
    select = tree.stmts[0].stmt.select_stmt
    first_come: Sequence[tuple[bool, str, str]] = (
        (select.op != pg.SETOP_NONE, "it joins queries by UNION, INTERSECT or EXCEPT", SELECT_INSTEAD),
        (select.HasField("with_clause"), "it has a WITH", SELECT_INSTEAD),
        (bool(select.distinct_clause), "it says DISTINCT", "name the columns in GROUP BY instead"),
        (
            select.HasField("limit_count") or select.HasField("limit_offset"),
            "it has a LIMIT or OFFSET, which no bucket has by itself",
            "limit where the aggregate is read",
        ),
        (bool(select.locking_clause), "it locks rows", "leave FOR … out"),
        (
            bool(select.window_clause) or any(call.HasField("over") for call in find_nodes(tree, pg.FuncCall)),
            "it has a window function, which looks at other buckets",
            "use the window function where the aggregate is read",
        ),
        (
            any(True for _ in find_nodes(tree, pg.SubLink)) or any(True for _ in find_nodes(tree, pg.RangeSubselect)),
            "it has a subquery",
            "join in the FROM clause of the query itself, or select from a second aggregate over a first",
        ),
        (
            any(True for _ in find_nodes(tree, pg.GroupingSet)),
            "it groups by several sets",
            "build an aggregate for each set",
        ),
        (
            any(True for _ in find_nodes(tree, pg.SQLValueFunction)),
            "it asks for the present time or user, which differs from one refresh to the next",
            "ask for it where the aggregate is read",
        ),
        (
            any(True for target in select.target_list if _is_star(target)),
            "it selects *",
            "name the columns",
        ),
    )
    for holds, reason, mend in first_come:
        if holds:
            raise _UnfitError(reason, mend)
    return select


def _quote_names_of_arguments(tree: pg.ParseResult) -> None:
    """The parser's way back to text leaves them bare, and that of time_bucket's is a reserved word, offset."""
    from postgast import find_nodes  # noqa: PLC0415
    from postgast import pg_query_pb2 as pg  # noqa: PLC0415

    for argument in find_nodes(tree, pg.NamedArgExpr):
        argument.name = identifier(argument.name)


def _is_star(target: Any) -> bool:
    value = target.res_target.val
    return value.HasField("column_ref") and any(field.HasField("a_star") for field in value.column_ref.fields)


def _reads(select: pg.SelectStmt) -> Iterator[Read]:
    for item in select.from_clause:
        yield from _reads_of(item, nullable=False)


def _reads_of(item: Any, *, nullable: bool) -> Iterator[Read]:
    from postgast import pg_query_pb2 as pg  # noqa: PLC0415

    if item.HasField("range_var"):
        table = item.range_var
        name = qualified(table.relname, table.schemaname or None)
        yield Read(table.alias.aliasname or table.relname, name, nullable)
    elif item.HasField("join_expr"):
        join = item.join_expr
        if join.jointype not in {pg.JOIN_INNER, pg.JOIN_LEFT}:
            raise _UnfitError(
                "it has a RIGHT or FULL join", "turn the join round, so that the hypertable stands to the left"
            )
        yield from _reads_of(join.larg, nullable=nullable)
        yield from _reads_of(join.rarg, nullable=nullable or join.jointype == pg.JOIN_LEFT)
    else:
        raise _UnfitError("it reads something other than a table", SELECT_INSTEAD)


def _refuse_shadowed(targets: Sequence[Any]) -> None:
    from postgast import find_nodes  # noqa: PLC0415
    from postgast import pg_query_pb2 as pg  # noqa: PLC0415

    for target in targets:
        columns = {column.fields[-1].string.sval for column in find_nodes(target.val, pg.ColumnRef)}
        if _is_bucket(target.val) and target.name in columns:
            raise _UnfitError(
                f"its bucket is called {target.name} as the column is, and GROUP BY {target.name} means the column",
                "give the bucket another name",
            )


def _bucket(select: pg.SelectStmt, targets: Sequence[Any]) -> tuple[int, Any]:
    """Which column of the result is the bucket, and the call that makes it."""
    grouped = [
        (place, targets[place - 1].val.func_call)
        for place in dict.fromkeys(_place(item, targets) for item in select.group_clause)
        if place is not None and _is_bucket(targets[place - 1].val)
    ]
    if not grouped:
        raise _UnfitError(
            "it does not select and group by a time_bucket",
            "select time_bucket('1 hour', the partition column) and name it in GROUP BY; date_trunc and "
            "time_bucket_gapfill do not serve",
        )
    if len(grouped) > 1:
        raise _UnfitError(
            "it groups by several time_buckets", "keep one; build the wider buckets as a second aggregate over this one"
        )
    return grouped[0]


def _is_bucket(value: Any) -> bool:
    return bool(value.HasField("func_call") and value.func_call.funcname[-1].string.sval == "time_bucket")


def _partition_column(bucket: Any) -> tuple[str, str]:
    if len(bucket.args) < 2 or any(argument.HasField("named_arg_expr") for argument in bucket.args[:2]):
        raise _UnfitError("its time_bucket does not name a width and a column first", "time_bucket('1 hour', column)")
    if not bucket.args[1].HasField("column_ref"):
        raise _UnfitError(
            "its time_bucket is not of a column by itself", "give time_bucket the partition column as it stands"
        )
    *before, column = [field.string.sval for field in bucket.args[1].column_ref.fields]
    return (before[-1] if before else ""), column


def _place(item: Any, targets: Sequence[Any]) -> int | None:
    """Which column of the result an entry of GROUP BY is. None: it is not selected."""
    if item.HasField("a_const") and item.a_const.HasField("ival"):
        return int(item.a_const.ival.ival)
    wanted = _bare(item)
    for place, target in enumerate(targets, 1):
        if _bare(target.val) == wanted:
            return place
    if not item.HasField("column_ref") or len(item.column_ref.fields) != 1:
        return None
    name = item.column_ref.fields[0].string.sval
    return _place_of_name(name, targets)


def _place_of_name(name: str, targets: Sequence[Any]) -> int | None:
    """PostgreSQL takes a name in GROUP BY for a column of the tables first, and then for one of the result."""
    from postgast import find_nodes  # noqa: PLC0415
    from postgast import pg_query_pb2 as pg  # noqa: PLC0415

    for place, target in enumerate(targets, 1):
        if target.val.HasField("column_ref") and target.val.column_ref.fields[-1].string.sval == name:
            return place
    for place, target in enumerate(targets, 1):
        used = {column.fields[-1].string.sval for column in find_nodes(target.val, pg.ColumnRef)}
        if target.name == name and name not in used:
            return place
    return None


def _bare(node: Any) -> bytes:
    """The node without where it stood."""
    from postgast import walk  # noqa: PLC0415

    copy = type(node)()
    copy.CopyFrom(node)
    for _, each in walk(copy):
        if "location" in each.DESCRIPTOR.fields_by_name:
            each.ClearField("location")
    return bytes(copy.SerializeToString(deterministic=True))


def _functions(tree: pg.ParseResult) -> set[str]:
    from postgast import find_nodes  # noqa: PLC0415
    from postgast import pg_query_pb2 as pg  # noqa: PLC0415

    return {call.funcname[-1].string.sval for call in find_nodes(tree, pg.FuncCall)}


def _windowed(tree: pg.ParseResult, bucket: Any) -> str:
    """The query for the rows of a window."""
    from postgast import deparse, parse  # noqa: PLC0415

    column = _text(bucket.args[1])
    added = parse(f"SELECT WHERE {column} >= {FROM} AND {column} < {TO}").stmts[0].stmt.select_stmt.where_clause
    copy = type(tree)()
    copy.CopyFrom(tree)
    select = copy.stmts[0].stmt.select_stmt
    if select.HasField("where_clause"):
        both = parse("SELECT WHERE a AND b").stmts[0].stmt.select_stmt.where_clause
        both.bool_expr.args[0].CopyFrom(select.where_clause)
        both.bool_expr.args[1].CopyFrom(added)
        added = both
    select.where_clause.CopyFrom(added)
    return str(deparse(copy))


def _of_marker(bucket: Any) -> str:
    from postgast import parse  # noqa: PLC0415

    copy = type(bucket)()
    copy.CopyFrom(bucket)
    marker = parse(f"SELECT {AT}").stmts[0].stmt.select_stmt.target_list[0].res_target.val
    copy.args[1].CopyFrom(marker)
    return _text(copy)


def _text(expression: Any) -> str:
    """An expression as SQL."""
    from postgast import deparse, parse  # noqa: PLC0415
    from postgast import pg_query_pb2 as pg  # noqa: PLC0415

    tree = parse("SELECT 1")
    value = tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val
    value.Clear()
    if isinstance(expression, pg.FuncCall):
        value.func_call.CopyFrom(expression)
    else:
        value.CopyFrom(expression)
    return str(deparse(tree)).removeprefix("SELECT ")
