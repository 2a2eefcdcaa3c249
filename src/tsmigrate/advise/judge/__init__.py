"""Judgements: pure functions of the evidence, one a file. Each gives its reasons as sentences with their numbers."""
