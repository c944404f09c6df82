"""Shared test set-up: quiet TensorFlow, the `gpu` mark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

import gansformer_tf  # noqa: F401  before TensorFlow, which reads what it sets for commands and users
from tests import durations, golden_rows
from tests.durations import pytest_addoption, pytest_runtest_teardown
from tests.golden_rows import golden_row

__all__ = ["golden_row", "pytest_addoption", "pytest_runtest_teardown"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
# What the suite checks must not depend on whether native ops happen to be built here; tests/ops asks for them by name.
os.environ.setdefault("GANSFORMER_TF_OPS", "composite")

# With several workers on one machine each gets its share of the cores; TensorFlow would start a thread
# per core in each of them.
if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def _eagerly() -> Iterator[None]:
    """Nothing is compiled, which takes longer than a few steps of tiny networks."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


eager = pytest.fixture(_eagerly, name="eager")
eager_module = pytest.fixture(_eagerly, scope="module", name="eager_module")  # fixtures of the module included


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Every test, with the fixtures made for it, starts from the same random state, whatever ran before it."""
    import keras

    durations.start(item)
    keras.utils.set_random_seed(1)  # of Python, NumPy and the backend too


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    golden_rows.print_rows(terminalreporter)
    if config.getoption("record_durations"):
        durations.record(terminalreporter.getreports(""))


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    durations.mark_slow(items)
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        skip = pytest.mark.skip(reason="needs a GPU; none was found")
        for item in marked:
            item.add_marker(skip)
