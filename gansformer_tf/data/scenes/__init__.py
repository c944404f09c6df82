"""The built-in renderer of CLEVR-like scenes."""
