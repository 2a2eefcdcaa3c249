"""A reason: one sentence, and whether it speaks for or against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    text: str
    points: int = 0  # above zero it speaks for, below zero against; zero: to be known
