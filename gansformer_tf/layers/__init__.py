"""Keras layers of the networks, from the equalized dense layer to duplex attention."""

from gansformer_tf.layers.attention import BipartiteAttention
from gansformer_tf.layers.centroid_attention import CentroidAttention
from gansformer_tf.layers.duplex_attention import DuplexAttention
from gansformer_tf.layers.equalized import EqualizedConv2D, EqualizedDense
from gansformer_tf.layers.latent_update import LatentUpdate
from gansformer_tf.layers.merge import ComponentMerge, merge_components
from gansformer_tf.layers.minibatch_stddev import MinibatchStddev
from gansformer_tf.layers.modulated_conv import ModulatedConv2D
from gansformer_tf.layers.noise import NoiseInjection
from gansformer_tf.layers.positional import GridPositions

__all__ = [
    "BipartiteAttention",
    "CentroidAttention",
    "ComponentMerge",
    "DuplexAttention",
    "EqualizedConv2D",
    "EqualizedDense",
    "GridPositions",
    "LatentUpdate",
    "MinibatchStddev",
    "ModulatedConv2D",
    "NoiseInjection",
    "merge_components",
]
