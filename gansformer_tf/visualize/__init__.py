"""Images of models and runs. Functions return arrays or figures, so that a notebook can use them as scripts do.

>>> import numpy as np
>>> from gansformer_tf.visualize import image_grid
>>> image_grid(np.zeros((6, 8, 8, 3), np.uint8), columns=3).shape
(16, 24, 3)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gansformer_tf.lazy import lazy_names

if TYPE_CHECKING:
    from gansformer_tf.visualize.attention_maps import (
        attention_panel,
        blend,
        component_map,
        component_sheet,
        enlarge_attention,
        hard_map,
        layer_sheet,
        soft_map,
    )
    from gansformer_tf.visualize.grids import enlarge, image_grid, labelled_sheet
    from gansformer_tf.visualize.interpolation import interpolate, lerp, slerp
    from gansformer_tf.visualize.style_mixing import mix_components, mix_layers
    from gansformer_tf.visualize.truncation import truncation_sweep
    from gansformer_tf.visualize.video import write_gif, write_mp4

__all__ = [
    "attention_panel",
    "blend",
    "component_map",
    "component_sheet",
    "enlarge",
    "enlarge_attention",
    "hard_map",
    "image_grid",
    "interpolate",
    "labelled_sheet",
    "layer_sheet",
    "lerp",
    "mix_components",
    "mix_layers",
    "slerp",
    "soft_map",
    "truncation_sweep",
    "write_gif",
    "write_mp4",
]

# Loaded when they are asked for, so that one of them does not bring what another needs.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "attention_maps": "attention_panel blend component_map component_sheet enlarge_attention hard_map "
        "layer_sheet soft_map",
        "grids": "enlarge image_grid labelled_sheet",
        "interpolation": "interpolate lerp slerp",
        "style_mixing": "mix_components mix_layers",
        "truncation": "truncation_sweep",
        "video": "write_gif write_mp4",
    },
)
