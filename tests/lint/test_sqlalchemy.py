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

class Routing(Base):
    __tablename__ = "routing"
    __table_args__ = {"schema": SCHEMA}
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column()
    message_id = mapped_column(ForeignKey("sms.messages.id"))
    message = relationship("Message")

class Profile(Base):
    __tablename__ = "profiles"
    id = Column(Integer, primary_key=True)

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
    judged = [lint_file(Job(Engine(known, DEFAULT)), str(path)) for path in paths]
    assert not any(one.unparsed for one in judged)
    return [one for each in judged for one in each.violations]


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
}


@pytest.mark.parametrize("code", FOUND)
def test_a_statement_is_judged_as_the_sql_it_becomes(code: str, tmp_path: Path) -> None:
    [found] = lint(tmp_path, f"def load():\n    return {code}" if "\n" not in code else code)
    assert (found.rule, found.confidence) == (FOUND[code], "low")
    assert found.fix is None
    assert '"' not in found.hint


SILENT = [
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


def test_the_place_is_the_model_in_the_source(tmp_path: Path) -> None:
    [found] = lint(
        tmp_path, "def load():\n    x = 1\n    session.execute(\n        select(Message).where(Message.id == x))"
    )
    assert (found.line, found.column, found.function, found.table) == (4, 16, "load", "sms.messages")
