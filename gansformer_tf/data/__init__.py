"""Data: sources of images, records on disk, the input pipeline and the built-in scenes."""
