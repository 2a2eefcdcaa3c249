"""A strict reader of Prometheus' text format, after its specification, for tests."""

from __future__ import annotations

import re

Labels = frozenset[tuple[str, str]]

_SAMPLE = re.compile(
    r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? '
    r"(?P<value>[-+0-9.eE]+|NaN|[+-]Inf)"
)
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def read(exposed: str) -> dict[str, dict[Labels, float]]:
    """Samples by metric. Each metric has HELP and TYPE once, before its samples, and they stand together."""
    assert exposed.endswith("\n")
    found: dict[str, dict[Labels, float]] = {}
    types: dict[str, str] = {}
    current = ""
    for line in exposed[:-1].split("\n"):
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            assert current not in found, f"{current} comes twice"
            found[current] = {}
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current
            assert name not in types
            assert kind in {"counter", "gauge"}
            assert (kind == "counter") == name.endswith("_total")
            types[name] = kind
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample, f"no sample: {line}"
            assert sample["name"] == current
            assert current in types
            labels = frozenset(
                (name, re.sub(r"\\.", lambda escape: _ESCAPES[escape[0]], text))
                for name, text in _LABEL.findall(sample["labels"] or "")
            )
            assert labels not in found[current], f"twice: {line}"
            found[current][labels] = float(sample["value"])
    assert all(found.values())
    return found
