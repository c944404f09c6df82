"""Distribution strategies: one device, several in one machine, several machines."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import tensorflow as tf

from gansformer_tf.training.errors import TrainingError
from gansformer_tf.training.faults import told

# A healthy cluster answers within seconds; starting TensorFlow on a slow machine may take a minute.
CONNECT_SECONDS = 300.0


def is_cluster() -> bool:
    """Whether `TF_CONFIG` describes a cluster of several processes."""
    return len(_workers()) > 1


def make_strategy(devices: Sequence[str], connect_seconds: float = CONNECT_SECONDS) -> tf.distribute.Strategy:
    """The strategy for these devices, after checking that all of them answer.

    With `TF_CONFIG` in the environment (TensorFlow's usual description of a cluster) training runs on several
    machines, else on one. Gradients are summed over all devices in both cases.

    Args:
        devices: TensorFlow device names of this machine, such as `["/GPU:0", "/GPU:1"]`.
        connect_seconds: After this long without an answer from another machine the process ends with advice.

    Raises:
        TrainingError: The devices do not add up correctly, or `TF_CONFIG` cannot be read.
    """
    if is_cluster():
        _position()
        advice = (
            f"error: no answer from the other workers within {connect_seconds:.0f} s. Check that one process runs for "
            f"each entry of TF_CONFIG ({', '.join(_workers())}), that the ports are open, and that every "
            "process has its own task index."
        )
        with _deadline(connect_seconds, advice):
            return _checked(tf.distribute.MultiWorkerMirroredStrategy())
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    advice = (
        f"error: the devices {', '.join(devices)} do not answer each other within {connect_seconds:.0f} s. Try fewer "
        "--gpus, or set NCCL_P2P_DISABLE=1 where the driver's peer-to-peer copies hang."
    )
    with _deadline(connect_seconds, advice):
        return _checked(tf.distribute.MirroredStrategy(list(devices)))


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run's files; exactly one does."""
    return strategy.cluster_resolver is None or not is_cluster() or _position() == 0


def worker_shard(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """(index, count) of this process among those that read data."""
    if not is_cluster():
        return 0, 1
    return _position(), len(_workers())


@contextlib.contextmanager
def peers_answer() -> Iterator[None]:
    """Around whatever waits for other workers: one that is gone is a `TrainingError` that says how to go on."""
    errors = tf.errors
    try:
        yield
    except (errors.UnavailableError, errors.AbortedError, errors.DeadlineExceededError, errors.CancelledError) as error:
        if not is_cluster():  # there is none to lose
            raise
        raise TrainingError(
            f"another worker does not answer any more ({told(error)}). Start the same command again "
            "on all machines; training goes on from the last checkpoint."
        ) from error


class Agreement:
    """What the processes of a cluster tell each other; with a single process everything is agreed at once.

    Every method must be called by all processes in the same order.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self.strategy = strategy
        self.chief = is_chief(strategy)
        self.cluster = is_cluster()

        @tf.function(autograph=False)
        def total(part: tf.Tensor) -> tf.Tensor:
            def replica() -> tf.Tensor:
                # a collective takes values that were computed on the replica's own device
                return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, part + 0.0)

            return strategy.experimental_local_results(strategy.run(replica))[0]

        self._total = total

    def sum(self, value: float) -> float:
        """Sum over the processes."""
        if not self.cluster:
            return value
        local = self.strategy.num_replicas_in_sync // len(_workers())
        with peers_answer():
            return float(self._total(tf.constant(value / local, tf.float64)))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set anywhere."""
        return self.sum(float(flag)) > 0.5

    def of_chief(self, value: int) -> int:
        """The chief's value."""
        return round(self.sum(float(value) if self.chief else 0.0))

    def require_equal(self, value: int, what: str) -> None:
        """Raises `TrainingError` unless every process has the chief's value."""
        found = self.of_chief(value)
        if self.any(found != value):
            raise TrainingError(
                f"the workers start from different {what} (the first one: {found}, this one: {value}); the result "
                "folder must be one that all machines share. Copy it, or use a shared file system."
            )


def _workers() -> list[str]:
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return []
    try:
        cluster = json.loads(text)["cluster"]
        return [address for job in ("chief", "worker") for address in cluster.get(job, [])]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"TF_CONFIG is not valid ({error}); it must be JSON such as "
            '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}.'
        ) from error


def _position() -> int:
    """Place of this process in `_workers`; TensorFlow numbers its replicas in the same order."""
    config = json.loads(os.environ["TF_CONFIG"])
    task = config.get("task")
    try:
        kind, index = task["type"], int(task["index"])
        addresses = config["cluster"][kind]
        known = kind in ("chief", "worker") and 0 <= index < len(addresses)
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise TrainingError(
            f"TF_CONFIG has task {json.dumps(task)}, which is none of its cluster; every process needs its own, such "
            f'as "task": {{"type": "worker", "index": 0}}, the place of its address in the list of that type.'
        )
    return index if kind == "chief" else index + len(config["cluster"].get("chief", []))


def _checked(strategy: tf.distribute.Strategy) -> tf.distribute.Strategy:
    """Adds a known value over all replicas and compares."""
    count = strategy.num_replicas_in_sync
    expected = count * (count + 1) / 2

    @tf.function
    def total() -> tf.Tensor:
        def replica() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            value = tf.cast(context.replica_id_in_sync_group + 1, tf.float32)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, value)

        return strategy.experimental_local_results(strategy.run(replica))

    found = [float(value) for value in total()]
    if not all(abs(value - expected) < 1e-3 for value in found):  # NaN is wrong too
        raise TrainingError(
            f"the {count} devices add 1 to {count} up to {found}, not to {expected:g}; their connection is faulty. "
            "Train with fewer --gpus, and check the driver and NCCL."
        )
    return strategy


# Runs in a process of its own: while TensorFlow waits for its peers no other Python thread of this one can run. It ends
# when its input does, which is when the waiting process closes it or dies.
_WATCHDOG = """
import os, select, signal, sys
seconds, pid, message = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if not select.select([sys.stdin], [], [], seconds)[0]:
    print(message, file=sys.stderr, flush=True)
    os.kill(pid, signal.SIGKILL)
"""


@contextlib.contextmanager
def _deadline(seconds: float, message: str) -> Iterator[None]:
    """Ends this process with a message when the block takes longer."""
    command = [sys.executable, "-S", "-c", _WATCHDOG, str(seconds), str(os.getpid()), message]
    watchdog = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        watchdog.communicate()
