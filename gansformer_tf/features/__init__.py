"""Frozen networks that see what is in an image, with weights that are installed and not downloaded."""
