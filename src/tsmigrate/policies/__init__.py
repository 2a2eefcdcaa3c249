"""Policies that the server cannot run: those that the toolkit runs in its place, and those that wait until it can.

`state` is what the database knows of them, `query`, `aggregate` and `retention` are what they do, `runner` does it.
"""
