"""Data sets as training, metrics and the checks read them."""
