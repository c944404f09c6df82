"""Which devices a script computes on."""

from __future__ import annotations

import os

from gansformer_tf.cli.common import UsageError
from gansformer_tf.quiet import import_tensorflow


def select_devices(gpus: tuple[int, ...]) -> list[str]:
    """Restricts TensorFlow to the GPUs of `--gpus` and says in one line when there is none.

    Call it before TensorFlow is imported.

    Args:
        gpus: Device numbers; empty computes on the CPU even where there are GPUs.

    Returns:
        TensorFlow device names, such as `["/GPU:0", "/GPU:1"]`, or `["/CPU:0"]`.

    Raises:
        UsageError: A device number that this machine does not have, although it has GPUs.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(str(index) for index in gpus) or "-1"
    tf = import_tensorflow()

    if not gpus:
        return ["/CPU:0"]
    found = tf.config.list_physical_devices("GPU")
    if not found:
        print("No GPU found: computing on the CPU.", flush=True)
        return ["/CPU:0"]
    if len(found) < len(gpus):
        listed = ",".join(str(index) for index in gpus)
        raise UsageError(f"--gpus {listed}: only {len(found)} of these GPUs exist; name fewer, counting from 0.")
    for device in found:
        tf.config.experimental.set_memory_growth(device, True)
    return [f"/GPU:{index}" for index in range(len(found))]
