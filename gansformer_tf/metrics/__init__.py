"""Metrics: images -> features -> statistics -> number, one file per step."""
