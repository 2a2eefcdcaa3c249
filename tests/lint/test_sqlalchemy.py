"""SQLAlchemy's expressions, read from the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tsmigrate.lint.engine import Engine
from tsmigrate.lint.known import Hypertable, Name
from tsmigrate.lint.learn.learn import learn
from tsmigrate.lint.run import Job, lint_file
from tsmigrate.lint.settings import LintSettings
from tsmigrate.lint.target import DEFAULT
from tsmigrate.lint.violation import Violation

MODELS = """
SCHEMA = "sms"

class Message(Base):
    __tablename__ = "messages"
    __table_args__ = {"schema": SCHEMA}
    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime] = mapped_column("created_at", primary_key=True)
    body: Mapped[str]
    routing = relationship("Routing", back_populates="message")
    events = relationship("Routing", lazy="dynamic")

class Routing(Base):
    __tablename__ = "routing"
    __table_args__ = {"schema": SCHEMA}
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column()
    message_id = mapped_column(ForeignKey("sms.messages.id"))
    message_at: Mapped[datetime] = mapped_column()
    message = relationship("Message")
    keyed: Mapped["Message"] = relationship(
        primaryjoin="and_(Message.id == foreign(Routing.message_id), Message.created == Routing.at)"
    )
    composite = relationship(Message, primaryjoin=lambda: (Message.id == Routing.message_id) & (
        Message.created == Routing.message_at))
    odd = relationship("Message", primaryjoin="func.lower(Message.body) == Routing.id")
    silent = relationship("Message", lazy="raise")

class Profile(Base):
    __tablename__ = "profiles"
    id = Column(Integer, primary_key=True)

tags = Table(
    "tags", metadata, Column("message_id", ForeignKey("sms.messages.id")), Column("label_id", ForeignKey("labels.id"))
)

class Label(Base):
    __tablename__ = "labels"
    id = Column(Integer, primary_key=True)
    messages = relationship("Message", secondary=tags, lazy="raise")
    spelled = relationship(
        "Message", secondary="tags", primaryjoin="Label.id == tags.c.label_id", lazy="raise",
        secondaryjoin=lambda: Message.id == tags.c.message_id,
    )
    unknown = relationship("Message", secondary="elsewhere")
    loaded = relationship("Message", secondary=tags)

readings = Table("readings", metadata, Column("time", DateTime), Column("value", Float), schema="sms")
"""
HYPERTABLES = (
    Hypertable(Name("sms", "messages"), "created_at"),
    Hypertable(Name("sms", "routing"), "at"),
    Hypertable(Name("sms", "readings"), "time"),
)


def lint(folder: Path, code: str) -> list[Violation]:
    (folder / "models.py").write_text(MODELS)
    (folder / "code.py").write_text(code)
    paths = [folder / "models.py", folder / "code.py"]
    known = learn(LintSettings(hypertables=HYPERTABLES), paths, folder)
    judged = lint_file(Job(Engine(known, DEFAULT)), str(folder / "code.py"))
    assert not judged.unparsed
    return judged.violations


FOUND = {
    "session.scalars(select(Message).where(Message.id == number))": "TSQ101",
    "session.execute(select(Message.body).where(Message.id == number, Message.body != 'x'))": "TSQ101",
    "session.query(Message).filter(Message.id == number).all()": "TSQ101",
    "session.query(Message).filter_by(id=number).one()": "TSQ101",
    "Message.query.filter_by(id=number).all()": "TSQ101",
    "session.get(Routing, number)": "TSQ101",
    "session.query(Routing).get(number)": "TSQ101",
    "session.execute(update(Message).where(Message.id == number).values(body=''))": "TSQ102",
    "session.execute(delete(Message).where(Message.id == number))": "TSQ102",
    "session.query(Message).filter(Message.id == number).delete()": "TSQ102",
    "session.execute(select(func.count()).select_from(Message))": "TSQ101",
    "session.execute(select(Message).where(func.date(Message.created) == day))": "TSQ201",
    "session.execute(select(Message).where(cast(Message.created, Date) == day))": "TSQ201",
    "session.execute(select(Message).where((Message.created >= day) | (Message.id == number)))": "TSQ204",
    "session.execute(select(Message).where(or_(Message.created >= day, Message.id == number)))": "TSQ204",
    "session.execute(select(Message).join(Routing, Routing.id == Message.id).where(Message.created >= day))": "TSQ104",
    "session.execute(select(Message, Routing).join(Message.routing).where(Message.created >= day))": "TSQ104",
    "connection.execute(select(readings).where(readings.c.value > 3))": "TSQ101",
    "connection.execute(readings.select)\nx = select(readings.c.value)": "TSQ101",
    "session.execute(select(Message).order_by(Message.id).limit(3))": "TSQ101",
    "session.query(Message).filter(Message.id == number).first()": "TSQ302",
    "(await session.execute(select(Message).where(Message.id == number))).scalars().all()": "TSQ101",
    "session.get_one(Routing, number)": "TSQ101",
    "self.db_session.get(Routing, number)": "TSQ101",
    "session.execute(sa.select(models.Message).where(models.Message.id == number))": "TSQ101",
    "session.execute(readings.delete().where(readings.c.value > 3))": "TSQ102",
    "session.execute(update(Message).where(Message.id == 1).values(body='').returning(Message.id))": "TSQ102",
    "session.execute(select(Message).where(exists().where(Routing.id == Message.id), Message.created > day))": "TSQ104",
    "session.execute(select(Routing).join(Routing.composite).where(Message.created >= day))": "TSQ104",
    "session.execute(select(func.count()).where(Message.id == 1))": "TSQ101",
    "session.execute(union(select(Message), select(Message.id).where(Message.created > 1)))": "TSQ101",
    "session.execute(select(Message.id).where(Message.id == 1).union_all(select(Profile.id)))": "TSQ101",
    "session.execute(sa.except_all(select(Profile.id), select(Message.id)).limit(3))": "TSQ101",
    "session.query(Profile.id).union(session.query(Message.id)).order_by('id').all()": "TSQ101",
    "session.execute(union_all(select(Message.body), select(Profile.id)).order_by('body').limit(3))": "TSQ101",
    "u = union_all(select(Message.created, Message.id), select(Profile.id, Profile.id)).subquery()\n"
    "session.execute(select(u).where(u.c.id > day))": "TSQ101",
    "set(session.scalars(select(Message).where(Message.id == 1))).union(names)": "TSQ101",
    "session.execute(select(Label).where(Label.messages.any(Message.id == 1)))": "TSQ101",
    "session.execute(select(Label).where(Label.spelled.any(body='x')))": "TSQ101",
    "session.execute(select(Label).join(Label.messages).where(Message.id == 1))": "TSQ101",
    "session.query(Label).outerjoin(Label.spelled).all()": "TSQ101",
    "session.execute(select(Routing).where(Routing.at > day, Routing.message.has(Message.body == 'x')))": "TSQ104",
    "session.execute(select(Routing).where(Routing.at > day, Routing.composite.has()))": "TSQ206",
}


GROWN = {
    "a statement bound to a name": "stmt = select(Message).where(Message.id == 3)\nsession.execute(stmt)",
    "one that grows line by line": (
        "stmt = select(Message)\nstmt = stmt.where(Message.id == 3)\nrows = session.scalars(stmt).all()"
    ),
    "a query that is run at last": "q = session.query(Message)\nq = q.filter(Message.id == 3)\nreturn q.all()",
    "one that is walked": "q = session.query(Message).filter(Message.id == 3)\nfor one in q:\n    print(one)",
    "an alias": "m = aliased(Message)\nsession.execute(select(m).where(m.id == 3))",
    "a subquery": (
        "sub = select(Message.id, Message.body).where(Message.body == 'x').subquery()\n"
        "session.execute(select(sub.c.id).where(sub.c.id == 3))"
    ),
    "a common table": (
        "recent = select(Message).where(Message.id > 3).cte('recent')\nsession.execute(select(recent.c.id))"
    ),
    "a condition with a name": "mine = Message.id == 3\nsession.execute(select(Message).where(mine))",
}


@pytest.mark.parametrize("code", GROWN.values(), ids=GROWN)
def test_what_names_stand_for_is_followed(code: str, tmp_path: Path) -> None:
    body = "".join(f"    {line}\n" for line in code.split("\n"))
    [found] = lint(tmp_path, f"def load():\n{body}")
    assert (found.rule, found.table, found.confidence) == ("TSQ101", "sms.messages", "low")


@pytest.mark.parametrize("code", FOUND)
def test_a_statement_is_judged_as_the_sql_it_becomes(code: str, tmp_path: Path) -> None:
    [found] = lint(tmp_path, f"async def load():\n    return {code}" if "\n" not in code else code)
    assert (found.rule, found.confidence) == (FOUND[code], "low")
    assert found.fix is None
    assert '"' not in found.hint


SILENT = [
    "session.execute(union(select(Message).where(Message.created == 1), select(Message).where(Message.created > day)))",
    "u = union_all(select(Message.created, Message.id), select(Routing.at, Routing.id)).subquery()\n"
    "session.execute(select(u).where(u.c.created > day))",
    "session.execute(union_all(select(Message.created), select(Routing.at)).order_by('created_at').limit(3))",
    "session.execute(union_all(select(Message.created), select(Routing.at)).order_by(Message.created.desc()).limit(3))",
    "q = session.query(Message)\nq.union(session.query(Message)).filter(Message.created > day).all()",
    "def load():\n    return union(select(Message), select(Message))",
    "session.execute(union(*statements, select(Message)))",
    "session.execute(union(select(Message), elsewhere))",
    "session.execute(select(Label).where(Label.messages.any(Message.created > day)))",
    "session.execute(select(Label).join(Label.messages).where(Message.created > day))",
    "session.execute(select(Routing).where(Routing.at > day, Routing.keyed.has(body='x')))",
    "session.execute(select(Profile).where(Profile.messages.any(Message.id == 1)))",
    "session.execute(select(Label).where(Label.unknown.any(Message.id == 1)))",
    "session.execute(select(Message).where(Message.created > day, Message.routing.any(Routing.at > day)))",
    "session.scalars(select(Message).where(Message.id == number, Message.created == moment))",
    "session.scalars(select(Message).where(and_(Message.id == number, Message.created >= moment)))",
    "session.query(Message).filter(Message.created.between(day, day2)).all()",
    "session.query(Message).filter(Message.created > func.now() - timedelta(days=1)).all()",
    "session.get(Message, (number, moment))",
    "session.get(Profile, number)",
    "session.scalars(select(Profile).where(Profile.id == number))",
    "session.scalar(select(func.max(Message.created)))",
    "session.scalars(select(Message).order_by(Message.created.desc()).limit(3))",
    "session.execute(insert(Message).values(id=1))",
    "settings.get(Message)",
    "cache.get('key', number)",
    "stmt = select(Message)\nif day:\n    stmt = stmt.where(Message.created >= day)\nsession.execute(stmt)",
    "def base():\n    return select(Message).where(Message.id == 3)",
    "recent = select(Message).subquery()",
    "session.execute(select(Message).where(Message.created.in_(select(Routing.at).where(Routing.at > day))))",
    "session.execute(select(Message).join(Routing, Routing.at == Message.created).where(Message.created >= day))",
    "session.execute(select(Routing).join(Routing.keyed).where(Message.created >= day))",
    "session.execute(select(Routing).join(Routing.composite).where(Message.created >= day, Routing.at >= day))",
    # built further where it cannot be seen
    "def load():\n    stmt = select(Message)\n    stmt = only_recent(stmt)\n    return session.execute(stmt)",
    "def load():\n    stmt = select(Message)\n    return only_recent(stmt)",
    "def load():\n    stmts = [select(Message)]\n    return stmts",
    "def load(stmt):\n    return session.execute(stmt)",
    "def load(self):\n    self.stmt = select(Message).where(Message.id == 3)",
    "def load():\n    q = session.query(Message)\n    for x in some:\n        q = q.filter(x)\n    return q.all()",
    "def load():\n    q = select(Message)\n    if a:\n        q = q.where(Message.created > a)\n    session.execute(q)",
    "def load():\n    if a:\n        q = select(Message)\n    else:\n        q = b\n    session.execute(q)",
    "x = 1\nsession.execute(select(union_all(select(Message.id), select(Routing.id)).subquery()))",
    # bounded by way of a name
    "def load():\n    m = aliased(Message)\n    session.execute(select(m).where(m.id == 3, m.created == day))",
    "def load():\n    since = Message.created >= day\n    session.execute(select(Message).where(since))",
    "def load():\n    stmt = select(Message)\n    stmt = stmt.where(Message.created > a)\n    session.execute(stmt)",
    "def load():\n    sub = select(Message).subquery()\n    session.execute(select(sub).where(sub.c.created_at > a))",
    "def load():\n    c = select(Message).cte()\n    session.execute(select(c.c.id).where(c.c.created_at > a))",
    "session.execute(select(models.Message).where(models.Message.created >= day))",
    "session.execute(select(Profile).where(exists(select(Message.id).where(Message.created >= day))))",
    "session.get(Message, {'id': 3, 'created': day})",
    # no statements at all
    "Message.from_row(row)",
    "condition = Message.created.between(a, b)",
    "registry.update(Message)",
    "kinds.get(Message, default)",
    "form.select(Message.id)",
    "Message.routing.property.mapper",
    "isinstance(one, Message)",
    "assert_called_with(Message, number)",
    "def f(message: Message) -> list[Message]:\n    return sorted(messages, key=lambda one: one.id)",
]


@pytest.mark.parametrize("code", SILENT)
def test_what_is_bounded_or_not_all_there_is_left_alone(code: str, tmp_path: Path) -> None:
    assert lint(tmp_path, code) == []


@pytest.mark.parametrize(
    "code",
    [
        "session.execute(select(Message).where(*conditions))",
        "session.execute(select(Message).where(Message.id == 1, self.visible()))",
    ],
)
def test_conditions_that_cannot_be_read_may_be_the_bound(code: str, tmp_path: Path) -> None:
    assert [one.rule for one in lint(tmp_path, code)] == ["TSQ901"]


@pytest.mark.parametrize("end", ["filter_by(id=1).all()", "get(1)"])
def test_a_condition_on_a_query_of_no_model_takes_nothing_else_along(end: str, tmp_path: Path) -> None:
    code = f"session.query(func.count()).{end}\nsession.execute(select(Message))"
    assert [one.rule for one in lint(tmp_path, code) if one.line == 2] == ["TSQ101"]


def test_foreign_keys_whose_columns_are_not_written_out_teach_nothing(tmp_path: Path) -> None:
    (tmp_path / "more.py").write_text(
        "class More(Base):\n"
        '    __tablename__ = "more"\n'
        "    __table_args__ = (ForeignKeyConstraint(COLUMNS, REFERRED), ForeignKeyConstraint([], []))\n"
    )
    known = learn(LintSettings(), [tmp_path / "more.py"], tmp_path)
    assert known.models["More"].references == ()


def test_the_place_is_the_model_in_the_source(tmp_path: Path) -> None:
    [found] = lint(
        tmp_path, "def load():\n    x = 1\n    session.execute(\n        select(Message).where(Message.id == x))"
    )
    assert (found.line, found.column, found.function, found.table) == (4, 16, "load", "sms.messages")


def test_a_relationship_whose_join_lacks_the_column_reads_everything(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(MODELS)
    known = learn(LintSettings(hypertables=HYPERTABLES), [tmp_path / "models.py"], tmp_path)
    found = lint_file(Job(Engine(known, DEFAULT)), str(tmp_path / "models.py")).violations
    assert [(one.function, one.rule, one.table, one.confidence) for one in found] == [
        ("Message.routing", "TSQ101", "sms.routing", "low"),
        ("Routing.message", "TSQ101", "sms.messages", "low"),
        ("Label.loaded", "TSQ101", "sms.messages", "low"),
    ]
    line = MODELS.splitlines()[found[0].line - 1]
    assert line[found[0].column - 1 :].startswith('relationship("Routing"')


SHARED = "BASE = select(Message).where(Message.id == 1)\nTEXT = 'SELECT * FROM sms.messages'\n"


@pytest.mark.parametrize(
    ("other", "rules"),
    [
        ("from code import BASE, TEXT\nsession.execute(BASE)\nconnection.execute(text(TEXT))", ["TSQ101", "TSQ101"]),
        ("from code import BASE\nsession.execute(BASE.where(Message.created > day))", ["TSQ101"]),
        ("import code\nsession.execute(code.BASE.limit(3))\nrun(code.TEXT + ' WHERE created_at > now()')", ["TSQ901"]),
        ("from code import (\n    TEXT,\n    BASE)\nrun(f'{TEXT} WHERE created_at > now()')", ["TSQ101", "TSQ901"]),
        ("def load(BASE, TEXT):\n    self.BASE.where(1)\n    return TEXT + ' LIMIT 1'", ["TSQ101", "TSQ101"]),
    ],
)
def test_what_another_file_builds_further_is_a_beginning(other: str, rules: list[str], tmp_path: Path) -> None:
    for name, code in (("models.py", MODELS), ("code.py", SHARED), ("other.py", other)):
        (tmp_path / name).write_text(code)
    known = learn(LintSettings(hypertables=HYPERTABLES), sorted(tmp_path.iterdir()), tmp_path)
    found = lint_file(Job(Engine(known, DEFAULT)), str(tmp_path / "code.py")).violations
    assert sorted(one.rule for one in found) == rules
