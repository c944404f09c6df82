"""CREPS: every pixel from a row line and a column line."""
