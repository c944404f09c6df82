"""Where pictures come from. Every source numbers its pictures and reads any of them on its own."""

from gansformer_tf.data.sources.base import Item, Source, SourceError
from gansformer_tf.data.sources.open import FORMATS, SourceOptions, open_source

__all__ = ["FORMATS", "Item", "Source", "SourceError", "SourceOptions", "open_source"]
