"""The command line: one file a command, no logic. Each imports what it needs when it runs, so that help is quick."""
