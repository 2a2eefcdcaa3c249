"""A baseline: the findings that are accepted for now, known by rule, file, function and query, not by line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tsmigrate.errors import UsageError
from tsmigrate.lint.violation import Violation

VERSION = 1


def write(path: Path, violations: Sequence[Violation]) -> None:
    """One line a finding, so that a merge of two baselines is a merge of lines."""
    counted = Counter((one.fingerprint, one.rule, one.file, one.function, one.table) for one in violations)
    rows = [
        {"fingerprint": fingerprint, "rule": rule, "file": file, "function": function, "table": table, "count": count}
        for (fingerprint, rule, file, function, table), count in sorted(counted.items(), key=lambda item: item[0][1:])
    ]
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    path.write_text(f'{{"version": {VERSION}, "findings": [\n{lines}\n]}}\n', encoding="utf-8")


def without(path: Path, violations: Sequence[Violation]) -> tuple[list[Violation], int]:
    """The findings that are not in the baseline, and how many are. A finding that occurs more often is new."""
    left = _read(path)
    new, known = [], 0
    for one in violations:
        if left[one.fingerprint] > 0:
            left[one.fingerprint] -= 1
            known += 1
        else:
            new.append(one)
    return new, known


def _read(path: Path) -> Counter[str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise ValueError(content["version"])
        return Counter({row["fingerprint"]: int(row["count"]) for row in content["findings"]})
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", mend="write it first: --write-baseline") from error
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is not a baseline", mend="write it anew: --write-baseline") from None
