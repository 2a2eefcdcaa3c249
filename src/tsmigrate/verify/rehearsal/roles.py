"""The roles that own the source's objects or have rights to them: made in the sandbox, where none can log in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from tsmigrate.finding import Finding, Severity
from tsmigrate.sql import identifier, raw

_MOST_NAMED = 5

_ROLES = r"""
SELECT r.rolname AS name, r.rolsuper AS superuser, r.rolbypassrls AS bypasses,
       r.oid = (SELECT datdba FROM pg_database WHERE datname = current_database()) AS owns_database
FROM pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1
"""
_MEMBERS = r"""
SELECT r.rolname AS name, m.rolname AS member
FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Role:
    name: str
    superuser: bool
    bypasses: bool  # row security
    owns_database: bool


@dataclass(frozen=True)
class Roles:
    roles: tuple[Role, ...]
    members: tuple[tuple[str, str], ...]  # a role, and one that is a member of it


def of(connection: Connection) -> Roles:
    roles = (Role(row.name, row.superuser, row.bypasses, row.owns_database) for row in connection.execute(raw(_ROLES)))
    members = ((row.name, row.member) for row in connection.execute(raw(_MEMBERS)))
    return Roles(tuple(roles), tuple(members))


def make(target: Connection, given: Roles, schema: str) -> list[str]:
    """Those that the text of the schema names, and the database's owner: what an owner may do decides what succeeds."""
    there = set(target.execute(raw("SELECT rolname FROM pg_roles")).scalars())
    needed = [role for role in given.roles if role.owns_database or role.name.replace('"', '""') in schema]
    made = [role.name for role in needed if role.name not in there]
    for role in needed:
        if role.name in made:
            words = ["NOLOGIN", *["SUPERUSER"] * role.superuser, *["BYPASSRLS"] * role.bypasses]
            target.execute(raw(f"CREATE ROLE {identifier(role.name)} {' '.join(words)}"))
    there |= set(made)
    for role_name, member in given.members:
        if member in made and role_name in there:
            target.execute(raw(f"GRANT {identifier(role_name)} TO {identifier(member)}"))
    for role in needed:
        if role.owns_database:
            name = target.execute(raw("SELECT current_database()")).scalar_one()
            target.execute(raw(f"ALTER DATABASE {identifier(str(name))} OWNER TO {identifier(role.name)}"))
    return made


def told(made: Sequence[str]) -> Iterator[Finding]:
    if made:
        more = f" and {len(made) - _MOST_NAMED} more" if len(made) > _MOST_NAMED else ""
        yield Finding(
            "roles", Severity.OK, f"made in the sandbox, without a login: {', '.join(made[:_MOST_NAMED])}{more}"
        )
