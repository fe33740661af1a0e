"""Backup and restore of everything that is kept (docs/backup.md)."""
