"""The default runner: every topic a table row in one SQLite file, every stage in one process."""
