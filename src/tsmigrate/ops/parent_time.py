"""The time of each row's parent, for a child that has none of its own: pieces for the operations that copy it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5

from tsmigrate.plpgsql import assemble, refuse
from tsmigrate.sql import MAX_IDENTIFIER_BYTES, dollar_quoted, identifier, literal, qualified


@dataclass(frozen=True)
class ParentTime:
    """`column` of a table is to hold `parent_column` of the parent that `references` leads to (ours → theirs)."""

    table: str
    schema: str | None
    column: str
    parent: str
    parent_schema: str | None
    parent_column: str
    references: Mapping[str, str]

    @property
    def subject(self) -> str:
        return qualified(self.table, self.schema)

    @property
    def parent_subject(self) -> str:
        return qualified(self.parent, self.parent_schema)

    def matches(self, child: str) -> str:
        """The condition under which the parent's row p belongs to `child`."""
        return " AND ".join(
            f"p.{identifier(theirs)} = {child}.{identifier(ours)}" for ours, theirs in self.references.items()
        )

    def find_type(self) -> str:
        """Into `kind`: the type of the parent's column."""
        return assemble(
            """
            SELECT format_type(atttypid, atttypmod) INTO kind FROM pg_attribute
             WHERE attrelid = {{parent}}::regclass AND attname = {{column}} AND attnum > 0 AND NOT attisdropped;
            IF kind IS NULL THEN
              {{no_column}}
            END IF;
            """,
            parent=literal(self.parent_subject),
            column=literal(self.parent_column),
            no_column=refuse(
                literal(f"{self.parent_subject} has no column {identifier(self.parent_column)}"),
                "correct parent_column in the revision",
            ),
        )

    def add_column(self) -> str:
        add = f"ALTER TABLE {self.subject} ADD COLUMN {identifier(self.column)}"
        return f"EXECUTE {literal(add)} || ' ' || kind;"

    def fill(self, where: str = "") -> str:
        """The UPDATE that fills the column, for EXECUTE. `where` begins with AND."""
        return (
            f"UPDATE {self.subject} AS c SET {identifier(self.column)} = p.{identifier(self.parent_column)} "
            f"FROM {self.parent_subject} p WHERE {self.matches('c')}{where}"
        )

    @property
    def trigger(self) -> str:
        """The name of the trigger and its function, which fits whatever the table's name is."""
        name = f"{self.table}_fill_{self.column}"
        if len(name.encode()) <= MAX_IDENTIFIER_BYTES:
            return name
        return f"fill_{md5(name.encode(), usedforsecurity=False).hexdigest()}"

    def create_trigger(self, events: str = "INSERT") -> str:
        """From now on rows that come without the time get it; with `INSERT OR UPDATE` also when the parent changes."""
        function = qualified(self.trigger, self.schema)
        body = assemble(
            """
            BEGIN
              IF NEW.{{column}} IS NULL{{or_another_parent}} THEN
                SELECT p.{{parent_column}} INTO NEW.{{column}} FROM {{parent}} p WHERE {{matches}};
              END IF;
              RETURN NEW;
            END
            """,
            column=identifier(self.column),
            or_another_parent=self._or_another_parent() if "UPDATE" in events else "",
            parent_column=identifier(self.parent_column),
            parent=self.parent_subject,
            matches=self.matches("NEW"),
        )
        # Without a schema the parent is found as the revision's own search path finds it.
        path = "SET search_path = pg_catalog, pg_temp" if self.parent_schema else "SET search_path FROM CURRENT"
        create = f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql {path} AS {dollar_quoted(body)}"
        attach = (
            f"CREATE TRIGGER {identifier(self.trigger)} BEFORE {events} ON {self.subject} "
            f"FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
        return f"EXECUTE {literal(create)};\nEXECUTE {literal(attach)};"

    def _or_another_parent(self) -> str:
        columns = [identifier(ours) for ours in self.references]
        new, old = (", ".join(f"{row}.{column}" for column in columns) for row in ("NEW", "OLD"))
        kept = f"NEW.{identifier(self.column)} IS NOT DISTINCT FROM OLD.{identifier(self.column)}"
        return f"\n     OR TG_OP = 'UPDATE' AND ROW({new}) IS DISTINCT FROM ROW({old}) AND {kept}"

    def drop_trigger(self) -> str:
        return (
            f"DROP TRIGGER {identifier(self.trigger)} ON {self.subject};\n"
            f"DROP FUNCTION {qualified(self.trigger, self.schema)}();"
        )

    def triggers_off(self) -> str:
        """The table's own triggers do not see the filling. Into `triggers`: which they were."""
        return assemble(_TRIGGERS_OFF, subject=literal(self.subject))

    def triggers_on(self) -> str:
        return assemble(_TRIGGERS_ON, subject=literal(self.subject))


_TRIGGERS_OFF = """\
SELECT coalesce(jsonb_agg(jsonb_build_object('name', tgname, 'enabled', tgenabled)), '[]') INTO triggers
  FROM pg_trigger WHERE tgrelid = {{subject}}::regclass AND NOT tgisinternal AND tgenabled <> 'D';
FOR trig IN SELECT * FROM jsonb_to_recordset(triggers) AS t(name text) LOOP
  EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', {{subject}}, trig.name);
END LOOP;"""

_TRIGGERS_ON = """\
FOR trig IN SELECT * FROM jsonb_to_recordset(triggers) AS t(name text, enabled text) LOOP
  EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', {{subject}},
                 CASE trig.enabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, trig.name);
END LOOP;"""
