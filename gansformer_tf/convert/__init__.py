"""Networks of other code bases as ours: weights only, nothing of theirs is executed."""

from gansformer_tf.convert.original import from_original

__all__ = ["from_original"]
