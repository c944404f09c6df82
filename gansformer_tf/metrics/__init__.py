"""Metrics: pictures -> features -> statistics -> number, one file per step."""
