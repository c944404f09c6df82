"""Random numbers as a function of a seed and a call order, with no variable behind them."""

from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np

_MASK32 = 0xFFFFFFFF
_MASK64 = 0xFFFFFFFFFFFFFFFF
# Seeds are integers of the width each backend's generator takes (TensorFlow's stateless ops reject uint32).
_SEED_DTYPES = {"tensorflow": "int64", "jax": "uint32", "torch": "int32"}


def _splitmix64(value: int) -> int:
    """One output of the SplitMix64 generator (Steele, Lea and Flood, 2014): 64 well mixed bits."""
    value = (value * 0x9E3779B97F4A7C15) & _MASK64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK64
    return value ^ (value >> 31)


class SeedStream(keras.random.SeedGenerator):
    """A stream of seeds that depends only on the given seed and on how many were drawn before.

    `keras.random.SeedGenerator` keeps its position in a variable; this one keeps it in Python, so a traced
    function (`tf.function`, XLA, `jax.jit`) that builds a stream from a seed tensor is a pure function of it:
    the same seed and the same order of calls give the same draws, whatever ran before.

    Use the methods `normal` and `uniform`. An instance can also be passed wherever `keras.random.*` takes `seed`, but
    those functions draw other numbers under XLA than outside it.

    Args:
        seed: int, or an integer array or tensor of shape [2] (which may be a traced value), or another
            `SeedStream`, whose current position is then copied, or another `keras.random.SeedGenerator`, whose next
            seed is taken when the first number is drawn, if one ever is.

    Raises:
        ValueError: if `seed` is neither an integer nor of shape [2].

    Example:

    >>> stream = SeedStream(7)
    >>> noise = stream.normal((2, 4, 4, 1))
    """

    def __init__(self, seed: Any) -> None:  # the base class would create a variable
        self.name = "seed_stream"
        self.backend = None
        self.draws = 0
        self.seed: Any
        if isinstance(seed, SeedStream):
            self.draws = seed.draws
            seed = seed.state
        elif isinstance(seed, keras.random.SeedGenerator):
            self.seed = seed
            return
        elif isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
            seed = np.array([int(seed) & 0x7FFFFFFF, (int(seed) >> 31) & 0x7FFFFFFF])
        if isinstance(seed, (list, tuple)):
            seed = np.asarray(seed)
        shape = getattr(seed, "shape", None)
        if shape is None or tuple(shape) != (2,):
            got = f"shape {tuple(shape)}" if shape is not None else f"{seed!r}"
            raise ValueError(f"seed has {got}; it must be an integer or an integer tensor of shape (2,).")
        if isinstance(seed, np.ndarray):
            seed = seed.astype(np.int64) & 0x7FFFFFFF
        self.seed = seed

    @property
    def state(self) -> Any:
        """The seed the stream was built from, shape [2]."""
        if isinstance(self.seed, keras.random.SeedGenerator):
            self.seed = self.seed.next()
        return self.seed

    def next(self, ordered: bool = True) -> Any:
        """The next seed, integer tensor of shape [2]; `ordered` is accepted for the base class and has no effect."""
        del ordered
        bits = _splitmix64(self.draws + 1)
        self.draws += 1
        # An exclusive or with independent bits keeps streams of neighbouring seeds (a step counter) apart, which
        # adding the counter would not: seed n + 1 at draw c would equal seed n at draw c + 1.
        salt = np.array([bits & 0x7FFFFFFF, (bits >> 32) & 0x7FFFFFFF], dtype=np.int64)
        dtype = _SEED_DTYPES.get(keras.backend.backend(), "int32")
        seed = keras.ops.cast(keras.ops.convert_to_tensor(self.state), dtype)
        return keras.ops.bitwise_xor(seed, keras.ops.convert_to_tensor(salt.astype(dtype), dtype=dtype))

    def normal(self, shape: Any, dtype: str | None = None, stddev: float = 1.0) -> Any:
        """Normal draws with mean 0; on TensorFlow the same numbers in eager mode, graphs and XLA.

        The draws of the first samples do not depend on how many samples follow (the batch size) on TensorFlow.
        """
        if keras.backend.backend() != "tensorflow":
            return keras.random.normal(shape, stddev=stddev, dtype=dtype, seed=self)
        from gansformer_tf.ops import _philox

        draws = _philox.normal(shape, self.next())
        return keras.ops.cast(draws * stddev if stddev != 1.0 else draws, dtype or keras.config.floatx())

    def uniform(self, shape: Any, dtype: str | None = None, minval: float = 0.0, maxval: float = 1.0) -> Any:
        """Uniform draws from [minval, maxval); on TensorFlow the same numbers in eager mode, graphs and XLA."""
        if keras.backend.backend() != "tensorflow":
            return keras.random.uniform(shape, minval=minval, maxval=maxval, dtype=dtype, seed=self)
        from gansformer_tf.ops import _philox

        draws = _philox.uniform(shape, self.next()) * (maxval - minval) + minval
        return keras.ops.cast(draws, dtype or keras.config.floatx())

    def fork(self) -> SeedStream:
        """An independent stream, seeded by the next draw of this one.

        Give one to every block that may be run again during the backward pass (rematerialisation): a fork made
        outside the block restarts at the same place each time the block runs, if the block copies it first with
        `SeedStream(fork)`.
        """
        return SeedStream(self.next())

    def copy(self) -> SeedStream:
        """A stream that will make the same draws as this one."""
        return SeedStream(self)

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("a SeedStream holds a position, not a configuration; pass it as a call argument.")


def seed_generator() -> keras.random.SeedGenerator:
    """What a layer draws from where its caller gives no seed.

    It is seeded by `keras.utils.set_random_seed`, like any of Keras's own. Unlike theirs its seed does not use up a
    number of Python's generator, which the initial weights come from: a layer that may draw changes none of them.
    """
    ahead = random.Random()
    ahead.setstate(random.getstate())
    return keras.random.SeedGenerator(_splitmix64(ahead.getrandbits(32)) & 0x7FFFFFFF)


def stream(rng: Any, own: keras.random.SeedGenerator) -> SeedStream:
    """The stream of a call: `rng` as the caller gave it (an int, a seed or a stream), or a new one of the layer's own.

    The seed of the latter is taken when something is drawn, so that a call that draws nothing changes no variable.
    """
    return rng if isinstance(rng, SeedStream) else SeedStream(own if rng is None else rng)
