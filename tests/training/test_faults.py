"""Errors of TensorFlow become lines that say what happened and what to do."""

from __future__ import annotations

import errno

import pytest
import tensorflow as tf

from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.faults import memory_suffices, told, writing
from gansformer_tf.training.strategy import peers_answer

# As TensorFlow 2 words them.
ONEDNN = """Graph execution error:

Detected at node gradients/transpose defined at (most recent call last):
  File "run_network.py", line 8, in <module>

  File "gansformer_tf/ops/conv.py", line 77, in conv2d_up

Operation received an exception:Status: 1, message: could not create a primitive, in file mkl_transpose_op.cc:106
\t [[{{node gradients/transpose}}]] [Op:__inference_phase_11268]"""
TWO_ROOTS = """Graph execution error:

2 root error(s) found.
  (0) UNAVAILABLE:  Collective ops is aborted by: peer down
\t [[{{node all_reduce}}]]
  (1) CANCELLED:  Function was cancelled before it was started
0 successful operations."""
OUT_OF_MEMORY = [
    tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[32,256,32,32]"),
    tf.errors.AbortedError(None, None, ONEDNN),
    tf.errors.UnknownError(None, None, ONEDNN),
    tf.errors.InternalError(None, None, "Failed to allocate 4 bytes: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    MemoryError("Unable to allocate 3.1 GiB for an array"),
]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (ONEDNN, "Operation received an exception:Status: 1, message: could not create a primitive"),
        (TWO_ROOTS, "Collective ops is aborted by: peer down"),
        ("{{function_node __wrapped__X}} Permission denied [Op:X] name: ", "Permission denied"),
        ("Graph execution error:\n", "Graph execution error:"),
    ],
)
def test_the_line_that_says_what_happened(text, line):
    found = told(tf.errors.AbortedError(None, None, text))
    assert found.startswith(line) and "[Op" not in found


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_too_little_memory_names_the_flags_to_turn(error):
    """On one machine, where no worker can be lost, as in a cluster."""
    line = r"^out of memory at step 3\. Use a smaller --batch-gpu .*--recompute.*--channel-base"
    with pytest.raises(TrainingError, match=line), peers_answer(), memory_suffices("at step 3"):
        raise error


@pytest.mark.parametrize("kind", [tf.errors.AbortedError, tf.errors.InvalidArgumentError])
def test_other_errors_on_one_machine_stay_what_they_are(kind):
    with pytest.raises(kind, match="something else"), peers_answer(), memory_suffices("at step 3"):
        raise kind(None, None, "something else")


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (tf.errors.PermissionDeniedError(None, None, "x"), errno.EACCES),
        (tf.errors.ResourceExhaustedError(None, None, "x"), errno.ENOSPC),
        (tf.errors.UnknownError(None, None, "x"), errno.EIO),
    ],
)
def test_what_cannot_be_written_is_named(error, number, tmp_path):
    with pytest.raises(OSError) as caught, writing(tmp_path):
        raise error
    assert (caught.value.errno, caught.value.filename) == (number, str(tmp_path))
