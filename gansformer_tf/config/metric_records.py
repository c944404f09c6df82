"""The metrics there are: one record each, beside a module of `gansformer_tf.metrics` that computes it.

To add a metric, write its module and one record here. The module has

    measure(rows: Rows) -> Measured              the numbers, from a row of numbers for every image
    task(name, images, networks, config) -> Task     what makes these rows; only with `own_rows`

(types of `gansformer_tf.metrics.record`), and is imported when the metric is computed: this list costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# What a published name of a metric sets, besides its own name.
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Metric:
    """What a metric is called and what it needs.

    Attributes:
        name: On the command line and in files.
        module: Dotted name of the module that computes it.
        needs_reals: It compares with real images.
        needs_generator: It draws images itself; a folder of images is not enough.
        needs_network: It uses a feature network, whose label results carry unless it is the published one.
        needs_classes: That network has to give class scores.
        own_rows: Its numbers are made of rows that `task` of its module computes, not of plain features.
        reconstructs: It measures reconstructions of the real images in place of generated ones.
        by_distance: It uses the network's distance of images; results always carry the name of that distance.
        less_is_better: Which of two snapshots is the better one.
        least_images: Smallest number of images of each kind, for a `MetricConfig`.
        needs_scenes: It knows only the built-in scenes.
        capability: Field of the generator's configuration that must be on, and what is said if it is off.
        aliases: Other names, of other programs, each with the settings that it stands for.
    """

    name: str
    module: str
    needs_reals: bool = False
    needs_generator: bool = False
    needs_network: bool = False
    needs_classes: bool = False
    own_rows: bool = False
    reconstructs: bool = False
    by_distance: bool = False
    less_is_better: bool = False
    needs_scenes: bool = False
    least_images: Callable[[Any], int] = lambda config: 1
    capability: tuple[str, str] | None = None
    aliases: Mapping[str, Settings] = field(default_factory=dict)

    def load(self) -> Any:
        """The module that computes it."""
        return importlib.import_module(self.module)


METRICS: dict[str, Metric] = {}
DEFAULT = ("fid",)  # where none is asked for


def register(metric: Metric) -> Metric:
    """Adds a metric, here or from another package; its name must be new.

    Raises:
        ValueError: There is one of that name or alias.
    """
    known = {name for one in METRICS.values() for name in (one.name, *one.aliases)}
    taken = sorted(known & {metric.name, *metric.aliases})
    if taken:
        raise ValueError(f"there is already a metric {taken[0]!r}; choose another name.")
    METRICS[metric.name] = metric
    return metric


def metric_of(name: str) -> Metric:
    """The record of a name, or of the name of a result, which may have a label behind a dash."""
    return METRICS[name.partition("-")[0]]


def resolve(names: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names with aliases replaced, and the settings that the aliases stand for; unknown names stay as they are."""
    aliases = {alias: (one.name, given) for one in METRICS.values() for alias, given in one.aliases.items()}
    settings: dict[str, Any] = {}
    for name in names:
        settings |= aliases[name][1] if name in aliases else {}
    return tuple(aliases[name][0] if name in aliases else name for name in names), settings


# Aliases are the names of StyleGAN3's calc_metrics.py. Its FID divides covariances by N, and its "full" means that all
# real images are compared with.
_ALL_REALS: Settings = {"all_reals": True}
_STYLEGAN3_FID: Settings = {"fid_ddof": 0}

register(
    Metric(
        "fid",
        "gansformer_tf.metrics.fid",
        needs_reals=True,
        needs_network=True,
        less_is_better=True,
        least_images=lambda config: 2,
        aliases={"fid50k_full": {**_STYLEGAN3_FID, **_ALL_REALS}, "fid50k": _STYLEGAN3_FID},
    )
)
register(
    Metric(
        "kid",
        "gansformer_tf.metrics.kid",
        needs_reals=True,
        needs_network=True,
        less_is_better=True,
        least_images=lambda config: 2,
        aliases={"kid50k_full": _ALL_REALS, "kid50k": {}},
    )
)
register(
    Metric(
        "is",
        "gansformer_tf.metrics.inception_score",
        needs_network=True,
        needs_classes=True,
        least_images=lambda config: config.is_splits,
        aliases={"is50k": {}},
    )
)
register(
    Metric(
        "pr",
        "gansformer_tf.metrics.precision_recall",
        needs_reals=True,
        needs_network=True,
        least_images=lambda config: max(config.pr_neighbours, config.density_neighbours) + 1,
        aliases={"pr50k3_full": _ALL_REALS, "pr50k3": {}},
    )
)
register(
    Metric(
        "ppl",
        "gansformer_tf.metrics.path_length",
        needs_generator=True,
        needs_network=True,
        own_rows=True,
        by_distance=True,  # of features, not the perceptual distance of papers
        capability=("has_w", "this model has no w to move along"),
        less_is_better=True,
        aliases={"ppl2_wend": {}},
    )
)
for _name, _alias in (("eqt", "eqt50k_int"), ("eqt_frac", "eqt50k_frac"), ("eqr", "eqr50k")):
    register(
        Metric(
            _name,
            "gansformer_tf.metrics.equivariance",
            needs_generator=True,
            own_rows=True,
            capability=("takes_transform", "this generator's input cannot be moved, only StyleGAN3's can"),
            aliases={_alias: {}},
        )
    )
register(
    Metric(
        "rfid",
        "gansformer_tf.metrics.fid",
        needs_reals=True,
        needs_generator=True,
        needs_network=True,
        reconstructs=True,
        less_is_better=True,
        least_images=lambda config: 2,
        capability=("reconstructs", "this model has no codes that draw an image again"),
    )
)
register(
    Metric(
        "attention",
        "gansformer_tf.metrics.attention",
        needs_generator=True,
        own_rows=True,
        capability=("has_attention", "this model has no attention"),
    )
)
register(
    Metric(
        "composition",
        "gansformer_tf.metrics.composition.metric",
        needs_generator=True,
        own_rows=True,
        needs_scenes=True,
        capability=("has_w", "this model has no w in which a component could be drawn again"),
    )
)
