"""A small network that finds the objects of scenes, and says what they are; `benchmarks/referee.py` trains it."""
