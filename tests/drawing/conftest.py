from tests.visualize.conftest import tiny_generator

__all__ = ["tiny_generator"]
