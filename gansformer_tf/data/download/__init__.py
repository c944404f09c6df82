"""Data sets of the papers: where they are, fetched, verified and unpacked."""
