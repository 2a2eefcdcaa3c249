"""`tsmigrate init` shows what it changes, changes what it understands, and says what it leaves."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import Run
from tsmigrate import settings
from tsmigrate.env_py import PLUGIN_NAME, EnvPy
from tsmigrate.errors import BlockedError
from tsmigrate.init import Plan, plan
from tsmigrate.init.edit import Change
from tsmigrate.init.options import OPTIONS
from tsmigrate.init.write import write

INI = "[alembic]\nscript_location = %(here)s/m\n"
READY = "import tsmigrate.autogenerate\nfrom alembic import context\n"
IMPORT = "import tsmigrate.autogenerate  # noqa: F401 - teaches autogenerate about TimescaleDB\n"
Planned = Callable[..., Plan]


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    monkeypatch.chdir(tmp_path)

    def run(env: str | bytes, ini: str = INI) -> Plan:
        Path("alembic.ini").write_text(ini)
        Path("m").mkdir(exist_ok=True)
        Path("m/env.py").write_bytes(env if isinstance(env, bytes) else env.encode())
        return plan(None)

    return run


def after(made: Plan) -> str:
    """env.py, which has to be Python and to need nothing more."""
    (change,) = [each for each in made.changes if each.path.name == "env.py"]
    write(change)
    again = plan(None)
    assert [each.path.name for each in again.changes] in ([], ["alembic.ini"])
    assert [each.why for each in again.by_hand] == [each.why for each in made.by_hand]
    return EnvPy.read(change.path).text


@pytest.mark.parametrize(
    ("call", "edited"),
    [
        ("context.configure()", "context.configure(transaction_per_migration=True)"),
        ("context.configure(url=u)", "context.configure(transaction_per_migration=True, url=u)"),
        ("context.configure(u, as_sql=x,)", "context.configure(u, transaction_per_migration=True, as_sql=x,)"),
        (
            "context.configure(  # how\n    # where\n    url=u,  # it is\n)",
            "context.configure(  # how\n    # where\n    transaction_per_migration=True,\n    url=u,  # it is\n)",
        ),
        (
            "context.configure(url=u,\n                  as_sql=x)",
            "context.configure(transaction_per_migration=True, url=u,\n                  as_sql=x)",
        ),
        ("context.configure(url=('ü', ')'), opts={'a': [1]})", None),
        (
            "context.configure(transaction_per_migration = False, url=u)",
            "context.configure(transaction_per_migration = True, url=u)",
        ),
        (
            "x = 'üöß€'; context.configure(url='ü')",
            "x = 'üöß€'; context.configure(transaction_per_migration=True, url='ü')",
        ),
    ],
)
def test_each_configure_gets_a_transaction_for_each_revision(planned: Planned, call: str, edited: str | None) -> None:
    edited = edited or call.replace("(url", "(transaction_per_migration=True, url", 1)
    assert after(planned(f"{READY}{call}\n")) == f"{READY}{edited}\n"


@pytest.mark.parametrize(
    ("imported", "call"),
    [
        ("from alembic import context as ctx", "ctx.configure(url=u)"),
        ("import alembic", "alembic.context.configure(url=u)"),
        ("import alembic.context", "alembic.context.configure(url=u)"),
        ("import alembic.context as c", "c.configure(url=u)"),
        ("from alembic.context import configure as prepare", "prepare(url=u)"),
        ("if True:\n    from alembic import context", "context.configure(url=u)"),
    ],
)
def test_configure_is_found_by_whatever_name(planned: Planned, imported: str, call: str) -> None:
    text = after(planned(f"import tsmigrate.autogenerate\n{imported}\n{call}\nother.configure(url=u)\n"))
    assert f"{call[:-7]}(transaction_per_migration=True, url=u)\n" in text
    assert "other.configure(url=u)" in text


@pytest.mark.parametrize(
    ("head", "edited"),
    [
        ("from alembic import context\nimport os\n", f"from alembic import context\n{IMPORT}import os\n"),
        ("from alembic import context  # why\n", f"from alembic import context  # why\n{IMPORT}"),
        (
            "from alembic import (\n    context,\n    op,\n)\n",
            f"from alembic import (\n    context,\n    op,\n)\n{IMPORT}",
        ),
        ("from alembic import \\\n    context\n", f"from alembic import \\\n    context\n{IMPORT}"),
        (
            '#!/usr/bin/env python\n"""Ours."""\nfrom __future__ import annotations\nfrom ours import context\n',
            '#!/usr/bin/env python\n"""Ours."""\nfrom __future__ import annotations\nfrom ours import context\n'
            + IMPORT,
        ),
        (
            "import os\nfrom alembic import context; x = (\n  1)\n",
            f"import os\n{IMPORT}from alembic import context; x = (\n  1)\n",
        ),
        ("\x0cfrom alembic import context\n", f"\x0cfrom alembic import context\n{IMPORT}"),
    ],
)
def test_the_import_follows_that_of_alembic(planned: Planned, head: str, edited: str) -> None:
    rest = "context.configure(transaction_per_migration=True)\n"
    assert after(planned(head + rest)) == edited + rest


def test_an_import_at_the_very_end_gets_a_line_of_its_own(planned: Planned) -> None:
    text = "def f(c): c.configure(transaction_per_migration=True)\nfrom alembic import context"
    assert after(planned(text)) == f"{text}\n{IMPORT.rstrip()}"


@pytest.mark.parametrize(
    ("encoding", "line_end"), [("utf-8-sig", "\n"), ("utf-8", "\r\n"), ("latin-1", "\r\n"), ("utf-8", "\r")]
)
def test_line_ends_and_encoding_stay(planned: Planned, encoding: str, line_end: str) -> None:
    cookie = "# -*- coding: latin-1 -*-" if encoding == "latin-1" else "# ours"
    lines = [cookie, "from alembic import context", "x = 'ü'; context.configure(", "    url='ü',", ")", ""]
    (change,) = [c for c in planned(line_end.join(lines).encode(encoding)).changes if c.path.name == "env.py"]
    lines[3:3] = ["    transaction_per_migration=True,"]
    lines[2:2] = [IMPORT.rstrip()]
    assert change.after == line_end.join(lines).encode(encoding)


@pytest.mark.parametrize(
    ("plugins", "edited"),
    [
        ('["ours"]', f'["{PLUGIN_NAME}", "ours"]'),
        ("[]", f'["{PLUGIN_NAME}"]'),
        ('[\n    "ours",\n]', f'[\n    "{PLUGIN_NAME}",\n    "ours",\n]'),
        ('["alembic.autogenerate.types"]', f'["{PLUGIN_NAME}", "alembic.autogenerate.types"]'),
    ],
)
def test_an_explicit_list_of_plugins_gets_ours(planned: Planned, plugins: str, edited: str) -> None:
    call = "context.configure(transaction_per_migration=True, autogenerate_plugins={})\n"
    assert after(planned(READY + call.format(plugins))) == READY + call.format(edited)
    variable = "known = {}\ncontext.configure(transaction_per_migration=True, autogenerate_plugins=known)\n"
    assert after(planned(READY + variable.format(plugins))) == READY + variable.format(edited)


@pytest.mark.parametrize(
    "plugins", ['["alembic.autogenerate.*", "ours"]', '("alembic.*",)', f'["{PLUGIN_NAME}"]', "None"]
)
def test_a_list_that_enables_it_stays(planned: Planned, plugins: str) -> None:
    made = planned(f"{READY}context.configure(transaction_per_migration=True, autogenerate_plugins={plugins})\n")
    assert not made.by_hand
    assert [each.path.name for each in made.changes] == ["alembic.ini"]


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ("context.configure(**options)", "arguments from elsewhere"),
        ("context.configure(url, *rest)", "arguments from elsewhere"),
        ("context.configure(url)", "arguments without names"),
        ("run_environment(context)", "no call of context.configure"),
        ("context.configure(transaction_per_migration=True, autogenerate_plugins=ours())", "not written out"),
        (
            'context.configure(transaction_per_migration=y, autogenerate_plugins=["a.*", "~alembic.*"])',
            "leaves the plugin out",
        ),
        (
            "with engine.begin() as c:\n    context.configure(transaction_per_migration=True, connection=c)",
            "a transaction is begun here",
        ),
    ],
)
def test_what_is_not_understood_is_left_with_the_line_and_what_to_do(planned: Planned, env: str, why: str) -> None:
    made = planned(f"{READY}{env}\n")
    assert [each.path.name for each in made.changes] == ["alembic.ini"]
    (left,) = made.by_hand
    assert why in left.why
    assert left.line == (1 if "no call" in why else 3)
    assert left.mend


@pytest.mark.parametrize(
    "env",
    [
        'options = {"transaction_per_migration": True}\ncontext.configure(**options)',
        "options = dict(transaction_per_migration=True)\ncontext.configure(url=u, **options)",
        'options["transaction_per_migration"] = True\ncontext.configure(**options)',
        "def run(**given): context.configure(**given)\nrun(transaction_per_migration=True)",
        "context.configure(transaction_per_migration=ours)",
        'with engine.begin() as c:\n    c.execute("SELECT 1")\ncontext.configure(transaction_per_migration=True)',
    ],
)
def test_what_says_it_in_another_way_is_believed(planned: Planned, env: str) -> None:
    made = planned(f"{READY}{env}\n")
    assert not made.by_hand
    assert [each.path.name for each in made.changes] == ["alembic.ini"]


def test_the_settings_follow_the_last_of_alembics_section(planned: Planned) -> None:
    ini = (
        "[alembic]\nscript_location = %(here)s/m\nversion_locations =\n  a\n  b\n\n; the rest\n[loggers]\nkeys = root\n"
    )
    (change,) = [each for each in planned(READY, ini).changes if each.path.name == "alembic.ini"]
    head, rest = change.after.decode().split("# tsmigrate's operations", 1)
    assert head.endswith("  b\n")
    assert rest.endswith("\n\n; the rest\n[loggers]\nkeys = root\n")


def test_the_settings_are_the_ones_that_hold_unless_set(planned: Planned) -> None:
    """Without their # they are read, and change nothing."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    from tsmigrate.ops.run import _choice, _number

    (change,) = [each for each in planned(READY).changes if each.path.name == "alembic.ini"]
    Path("alembic.ini").write_bytes(change.after.replace(b"# tsmigrate.", b"tsmigrate."))
    config = Config("alembic.ini")
    assert {name: config.get_alembic_option(name) for name in OPTIONS} == OPTIONS
    with EnvironmentContext(config, ScriptDirectory("m")):
        assert str(_number("lock_timeout", 0)) == OPTIONS["tsmigrate.lock_timeout"]
        assert str(_number("lock_retries", 0)) == OPTIONS["tsmigrate.lock_retries"]
        assert _choice("on_unsupported", ("error", "skip")) == OPTIONS["tsmigrate.on_unsupported"]
        assert _choice("allow_data_loss", ("false", "true")) == OPTIONS["tsmigrate.allow_data_loss"]


def test_in_pyproject_they_are_read_too(planned: Planned) -> None:
    Path("pyproject.toml").write_text(
        "[project]\nname = 'x'\n\n[tool.alembic] # ours\nscript_location = '%(here)s/m'\n"
    )
    (change,) = [each for each in planned(READY, "[alembic]\n").changes if each.path.name == "pyproject.toml"]
    Path("pyproject.toml").write_bytes(change.after.replace(b'# "tsmigrate.', b'"tsmigrate.'))
    found = settings.find()
    assert found
    assert OPTIONS.items() <= dict(found.options).items()


def test_a_table_in_a_text_is_not_taken_for_alembics(planned: Planned) -> None:
    """Where the file would mean something else afterwards, it is left."""
    toml = "[project]\ndescription = '''\n[tool.alembic]\n'''\n[tool]\nalembic.script_location = '%(here)s/m'\n"
    Path("pyproject.toml").write_text(toml)
    made = planned(READY + "context.configure(transaction_per_migration=True)\n", "[alembic]\n")
    assert not made.changes
    assert "place for tsmigrate's settings" in made.by_hand[0].why


ENV = "from alembic import context\n\ncontext.configure(url='x')\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "alembic.ini").write_text(INI)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "env.py").write_text(ENV)
    return tmp_path


def test_a_dry_run_shows_a_patch_that_git_applies_and_writes_nothing(tsmigrate: Run, folder: Path) -> None:
    done = tsmigrate("init", "--dry-run")
    assert done.returncode == 1
    assert (folder / "m" / "env.py").read_text() == ENV
    git = ["git", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q"], cwd=folder, check=True)
    subprocess.run([*git, "apply"], input=done.stdout, text=True, cwd=folder, check=True)
    again = tsmigrate("init", "--dry-run")
    assert (again.returncode, again.stdout) == (0, "nothing to do\n")


def test_it_asks_and_a_second_run_has_nothing_to_do(folder: Path, tsmigrate: Run) -> None:
    def answering(answer: str) -> tuple[int, str]:
        command = ["tsmigrate", "init"]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            command,
            input=answer,
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
            env={**os.environ, "PATH": path},
        )
        return done.returncode, done.stdout + done.stderr

    code, said = answering("n\n")
    assert (code, "nothing was changed" in said) == (1, True)
    code, said = answering("")
    assert (code, "--yes writes" in said) == (2, True)
    assert (folder / "m" / "env.py").read_text() == ENV
    code, said = answering("y\n")
    assert (code, "wrote m/env.py" in said) == (0, True)
    assert answering("") == (0, "nothing to do\n")
    assert tsmigrate("doctor", "--url", "postgresql://u@127.0.0.1:1/d").stdout.count("tsmigrate init") == 0


def test_without_a_project_it_says_how_to_make_one(tsmigrate: Run) -> None:
    done = tsmigrate("init", "--yes")
    assert done.returncode == 2
    assert "alembic init" in done.stderr


@pytest.mark.parametrize("env", ["def broken(:\n", "x = '\x00'\n", None])
def test_an_env_py_that_cannot_be_read_is_wrong_use_and_nothing_is_written(
    tsmigrate: Run, folder: Path, env: str | None
) -> None:
    (folder / "m" / "env.py").unlink()
    if env is not None:
        (folder / "m" / "env.py").write_text(env)
    done = tsmigrate("init", "--yes")
    assert done.returncode == 2
    assert "m/env.py cannot be read" in done.stderr
    assert (folder / "alembic.ini").read_text() == INI


def test_a_script_location_in_a_package_is_told_with_the_lines(tsmigrate: Run, folder: Path) -> None:
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = ours:migrations\n")
    done = tsmigrate("init", "--yes")
    assert done.returncode == 2
    assert "import tsmigrate.autogenerate" in done.stderr


def test_mode_and_link_stay_and_no_other_file_is_left(folder: Path, tmp_path: Path) -> None:
    env = folder / "m" / "env.py"
    env.chmod(0o640)
    link = folder / "link.py"
    link.symlink_to(env)
    write(Change(link, ENV.encode(), b"new"))
    assert link.is_symlink()
    assert (env.read_text(), env.stat().st_mode & 0o777) == ("new", 0o640)
    assert [each.name for each in (folder / "m").iterdir()] == ["env.py"]


def test_what_somebody_else_wrote_meanwhile_stays(folder: Path) -> None:
    env = folder / "m" / "env.py"
    with pytest.raises(BlockedError, match="was changed meanwhile"):
        write(Change(env, b"as it was", b"new"))
    assert env.read_text() == ENV
    assert [each.name for each in (folder / "m").iterdir()] == ["env.py"]


def test_a_kill_in_the_middle_leaves_the_file_as_it_was(folder: Path) -> None:
    """The last moment before the new file is in place."""
    env = folder / "m" / "env.py"
    code = (
        "import os, pathlib, signal\nfrom tsmigrate.init.edit import Change\nfrom tsmigrate.init import write\n"
        "pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"path = pathlib.Path({str(env)!r})\nwrite.write(Change(path, path.read_bytes(), b'new'))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert env.read_text() == ENV


def test_every_template_of_alembic_is_python_that_we_understand() -> None:
    import alembic

    templates = sorted((Path(alembic.__file__).parent / "templates").glob("*/env.py"))
    assert len(templates) >= 5
    for path in templates:
        assert EnvPy.read(path).lacking_transactions()
        assert isinstance(EnvPy.read(path).tree, ast.Module)
