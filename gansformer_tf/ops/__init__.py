"""Operations of the networks: pure functions on NHWC arrays, each with one definition in keras.ops."""

from gansformer_tf.ops._formulation import formulation
from gansformer_tf.ops._library import NativeOpsError, implementation
from gansformer_tf.ops.bias_act import ACTIVATIONS, bias_act
from gansformer_tf.ops.bipartite_attention import attention_centroids, bipartite_attention
from gansformer_tf.ops.conv import conv2d, conv2d_down, conv2d_up, sum_of_squares
from gansformer_tf.ops.filtered_lrelu import filtered_lrelu
from gansformer_tf.ops.filters import setup_filter
from gansformer_tf.ops.modulation import scale_channels
from gansformer_tf.ops.random import SeedStream
from gansformer_tf.ops.token_norm import normalize_channels
from gansformer_tf.ops.upfirdn2d import downsample2d, filter2d, upfirdn2d, upsample2d

__all__ = [
    "ACTIVATIONS",
    "NativeOpsError",
    "SeedStream",
    "attention_centroids",
    "bias_act",
    "bipartite_attention",
    "conv2d",
    "conv2d_down",
    "conv2d_up",
    "downsample2d",
    "filter2d",
    "filtered_lrelu",
    "formulation",
    "implementation",
    "normalize_channels",
    "scale_channels",
    "setup_filter",
    "sum_of_squares",
    "upfirdn2d",
    "upsample2d",
]
