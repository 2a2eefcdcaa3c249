"""Proof that every revision can be taken back: up, down and up again on a scratch database, with rows in it."""
