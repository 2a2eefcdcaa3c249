"""A lint run starts without what it does not use; values are converted all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support import Run

RUN = """
import sys
sys.argv = ["tsmigrate", "lint-queries", *sys.argv[1:]]
from tsmigrate.cli.app import main
try:
    main()
except SystemExit as end:
    unused = {"pydantic", "sqlalchemy", "alembic", "multiprocessing", "tsmigrate.lint.learn.models"}
    print(end.code, *sorted({*unused, "tomllib"} & {*sys.modules}))
"""


def test_a_short_lint_run_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    (tmp_path / "tsmigrate.toml").write_text('[hypertables]\nht = "time"\n')
    (tmp_path / "one.sql").write_text("SELECT * FROM ht WHERE id = 1;\n")
    run = [sys.executable, "-c", RUN, "one.sql", "--statistics", "--select", "TSQ101"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1 tomllib"


def test_what_is_not_plain_is_converted_and_refused_as_ever(tmp_path: Path, tsmigrate: Run) -> None:
    (tmp_path / "tsmigrate.toml").write_text('[hypertables]\nht = "time"\n')
    (tmp_path / "one.sql").write_text("SELECT * FROM ht WHERE id = 1;\n")
    assert tsmigrate("lint-queries", "one.sql", "--format", "gcc", "--jobs", "2").stdout.startswith("one.sql:1:")
    for wrong in (("--format", "xml"), ("--jobs", "0"), ("--jobs", "many"), ("--fail-on", "never"), ("--select",)):
        refused = tsmigrate("lint-queries", "one.sql", *wrong)
        assert (refused.returncode, wrong[0] in refused.stderr) == (2, True), wrong
