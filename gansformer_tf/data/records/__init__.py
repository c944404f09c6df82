"""The formats of records on disk."""
