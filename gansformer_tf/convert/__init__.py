"""Networks of other code bases as ours: weights only, nothing of theirs is executed."""

from gansformer_tf.convert.original import from_original
from gansformer_tf.convert.pytorch import from_pytorch, w_from_pytorch

__all__ = ["from_original", "from_pytorch", "w_from_pytorch"]
