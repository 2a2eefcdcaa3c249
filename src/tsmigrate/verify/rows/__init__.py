"""Made-up rows for any schema, the same in every run: parents first, so that foreign keys hold."""
