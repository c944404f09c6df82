"""The trainings of the study."""

from __future__ import annotations

import pytest

from benchmarks.study.runs import TRAININGS, Training
from gansformer_tf.cli.flags import COMMAND


@pytest.mark.parametrize("training", TRAININGS, ids=lambda training: training.name)
def test_the_flags_of_every_training_are_valid(training: Training) -> None:
    typed = COMMAND.read([*training.flags.split(), *training.shared.split()])
    assert typed.typed
