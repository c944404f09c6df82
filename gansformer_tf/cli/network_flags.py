"""The flags of `run_network.py` that are about networks, family by family."""

from __future__ import annotations

import argparse

from gansformer_tf.cli.table import Flag
from gansformer_tf.cli.values import none_or_str, number_list
from gansformer_tf.config.attention import ARCHITECTURES, ATTENTION_FORMS, POSITION_INITS, POSITION_TYPES
from gansformer_tf.config.feature_networks import FEATURE_NETWORKS
from gansformer_tf.config.gansformer import INTEGRATIONS, MERGE_TYPES, NORMALIZATIONS
from gansformer_tf.config.vqgan import ADVERSARIAL_LOSSES, COMMITMENT_FORMS, QUANTIZERS
from gansformer_tf.terminal import path

G, D, BOTH, STAGES = ("generator",), ("discriminator",), ("generator", "discriminator"), ("stages",)


def _attention_kind(text: str) -> bool:
    if text not in ("simplex", "duplex"):
        raise argparse.ArgumentTypeError(f"{text!r} is no kind of attention; write simplex or duplex.")
    return text == "duplex"


NETWORKS = (
    Flag("--channel-base", "channels are twice this / resolution ...", int, BOTH, "channel_base"),
    Flag("--channel-max", "... but at most this many", int, BOTH, "channel_max"),
    Flag("--g-arch", "architecture of the generator", str, G, "architecture", ARCHITECTURES),
    Flag("--d-arch", "architecture of the discriminator", str, D, "architecture", ARCHITECTURES),
    Flag("--mbstd-group-size", "samples per minibatch-stddev group", int, D, "mbstd_group_size"),
    Flag("--tanh", "tanh on the image", bool, G, "tanh"),
    Flag("--style", "modulate all features by the global latent", bool, G, "style"),
    Flag("--latent-stem", "start the image from the latent instead of a constant", bool, G, "latent_stem"),
    Flag("--local-noise", "noise after every convolution", bool, G, "local_noise"),
    Flag("--fused-modconv", "accepted; one form of modulated convolution serves both values", bool),
)

MAPPING = (
    Flag("--mapping-layersnum", "layers", int, G, "mapping_layers"),
    Flag("--mapping-lrmul", "learning-rate multiplier", float, G, "mapping_lr_multiplier"),
    Flag("--mapping-dim", "width", int, G, "mapping_dim"),
    Flag("--mapping-resnet", "residual layers", bool, G, "mapping_residual"),
    Flag("--mapping-shared-dim", "width of a part shared by all components", int, G, "mapping_shared_dim"),
    Flag("--mapping-ltnt2ltnt", "self-attention between components", bool, G, "mapping_self_attention"),
)

TRANSFORMER = (
    Flag("--transformer", "attention between latent components and image", bool, G, "transformer"),
    Flag("--latent-size", "size of all components together", int, BOTH, "latent_size"),
    Flag("--components-num", "latent components", int, BOTH, "num_components"),
    Flag("--num-heads", "attention heads", int, BOTH, "num_heads"),
    Flag(
        "--attention-form",
        "equations of the published code or of the paper",
        str,
        BOTH,
        "attention_form",
        ATTENTION_FORMS,
    ),
    Flag(
        "--original-behaviour",
        "the original's numbers also where it is broken (COMPATIBILITY.md)",
        bool,
        BOTH,
        "original_behaviour",
    ),
    Flag("--attention-dropout", "dropout of attention", float, BOTH, "attention_dropout"),
    Flag("--component-dropout", "probability of dropping a component", float, G, "component_dropout"),
    Flag("--normalize", "normalization before integration", none_or_str, G, "attention_normalization", NORMALIZATIONS),
    Flag("--integration", "how attention changes the image", str, G, "integration", INTEGRATIONS),
    Flag("--g-start-res", "first attended resolution, as log2", int, G, "attention_start"),
    Flag("--g-end-res", "resolution before which attention ends, as log2", int, G, "attention_end"),
    Flag(
        "--attention", "simplex (latents to image) or duplex (both ways)", _attention_kind, G, "kmeans", metavar="KIND"
    ),
    Flag("--kmeans", "duplex attention, in its published spelling", bool, G, "kmeans"),
    Flag("--kmeans-iters", "refinements of the centroids", int, G, "kmeans_iterations"),
    Flag("--iterative", "carry the assignments from layer to layer", bool, G, "iterative"),
    Flag("--ltnt-gate", "gate on the latents", bool, BOTH, "latent_gate"),
    Flag("--img-gate", "gate on the image positions", bool, BOTH, "image_gate"),
    Flag("--g-ltnt2ltnt", "self-attention between components in each layer", bool, G, "latent_self_attention"),
    Flag("--g-img2img", "log2 of the resolution with image self-attention (0: none)", int, G, "image_self_attention"),
    Flag("--g-img2ltnt", "attention from the image to the components", bool, G, "image_to_latent"),
)

D_TRANSFORMER = (
    Flag("--d-transformer", "aggregators that attend to the image", bool, D, "transformer"),
    Flag("--d-start-res", "first attended resolution, as log2", int, D, "attention_start"),
    Flag("--d-end-res", "resolution before which attention ends, as log2", int, D, "attention_end"),
    Flag("--d-ltnt2ltnt", "self-attention between aggregators", bool, D, "latent_self_attention"),
    Flag("--d-aggregators", "a start table of their own for the aggregators", bool, D, "separate_aggregators"),
    Flag("--d-ltnt2img", "attention from the aggregators to the image", bool, D, "latent_to_image"),
    Flag("--d-img2img", "log2 of the resolution with image self-attention (0: none)", int, D, "image_self_attention"),
)

PROJECTED = (
    Flag(
        "--d-features",
        "score what this trained network sees in images, which is not trained: a projected discriminator",
        str,
        D,
        "features",
        tuple(FEATURE_NETWORKS),
    ),
    Flag(
        "--d-features-size",
        "longer side of the images that it is shown, in pixels (default: 128, or their own if larger)",
        int,
        D,
        "feature_size",
    ),
    Flag("--d-norm-group-size", "images that its heads normalise together (default: 8)", int, D, "norm_group_size"),
)

POSITIONS = (
    Flag("--use-pos", "positional encoding", bool, BOTH, "use_pos"),
    Flag("--pos-dim", "its size", int, BOTH, "pos_dim"),
    Flag("--pos-type", "its kind", str, BOTH, "pos_type", POSITION_TYPES),
    Flag("--pos-init", "initial values of learned encodings", str, BOTH, "pos_init", POSITION_INITS),
    Flag("--pos-directions-num", "directions of sinus and linear encodings", int, BOTH, "pos_directions"),
)

KGAN = (
    Flag("--kgan", "one image per component, merged", bool, G, "kgan"),
    Flag("--merge-layer", "log2 of the resolution at which they are merged (-1: the output)", int, G, "merge_layer"),
    Flag("--merge-type", "how", str, G, "merge_type", MERGE_TYPES),
    Flag("--merge-same", "one weight per image instead of one per pixel", bool, G, "merge_same"),
)

STYLEGAN3 = (
    Flag("--synthesis-layersnum", "layers before the one that makes the image", int, G, "num_synthesis_layers"),
    Flag("--conv-kernel", "side of the convolutions: 3 (T) or 1 (R)", int, G, "conv_kernel"),
    Flag("--radial-filters", "filters that are the same in every direction (R)", bool, G, "radial_filters"),
    Flag("--margin-size", "samples computed beyond each border", int, G, "margin_size"),
    Flag("--num-critical", "layers at the end that are sampled critically", int, G, "num_critical"),
    Flag("--first-cutoff", "cut-off of the first layer, in periods per image", float, G, "first_cutoff"),
    Flag("--first-stopband", "where its stop band begins", float, G, "first_stopband"),
    Flag("--last-stopband-rel", "the same of the last layer, by its cut-off", float, G, "last_stopband_reach"),
    Flag("--filter-size", "taps of a filter per unit of its factor", int, G, "filter_taps"),
    Flag("--lrelu-upsampling", "sampling rate of nonlinearities, as a factor", int, G, "activation_rate"),
    Flag("--output-scale", "factor behind the last layer", float, G, "output_scale"),
)

CREPS = (
    Flag("--rank", "products that are summed for each pixel", int, G, "rank"),
    Flag("--line-channels", "channels of the lines that are multiplied", int, G, "line_channels"),
    Flag("--bandwidth", "standard deviation of the Fourier frequencies, in periods per image", float, G, "bandwidth"),
)

VQGAN = (
    Flag("--stage1-share", "share of --total-kimg that trains the autoencoder (default: {default})", float, STAGES),
    Flag("--transformer-lr", "learning rate of stage 2", float, STAGES, "transformer_learning_rate"),
    Flag("--weight-decay", "of the transformer's dense layers (default: {default})", float, STAGES),
    Flag("--held-out", "images that are not trained on; every tick measures them (default: {default})", int, STAGES),
    Flag(
        "--perceptual",
        "distance of reconstructions: a feature network (default: {default}), files of VGG-16 and its heads, or none",
        path,
        STAGES,
        metavar="NAME|PATHS",
    ),
    Flag("--perceptual-weight", "its weight beside the absolute error", float, STAGES),
    Flag("--codebook-weight", "weight of the loss of the codes", float, STAGES),
    Flag("--kmeans-start", "codes start as clusters of what the encoder makes", bool, STAGES),
    Flag("--restart-codes", "move codes that no image of an epoch took (default: {default})", bool, STAGES),
    Flag("--d-start", "image at which the discriminator starts", int, STAGES, "discriminator_start"),
    Flag("--d-weight", "factor of its adaptive weight", float, STAGES, "discriminator_weight"),
    Flag("--patch-loss", "its loss", str, STAGES, "adversarial_loss", ADVERSARIAL_LOSSES),
    Flag("--d-channels", "its width behind the first layer", int, D, "channels"),
    Flag("--d-layers", "its strided layers: a patch is 34 pixels wide with 2, 70 with 3", int, D, "num_layers"),
    Flag("--vq-channels", "width of the autoencoder at the size of the image, a multiple of 32", int, G, "channels"),
    Flag(
        "--vq-multipliers",
        "its widths as multiples, level by level; every level but the last halves the image",
        number_list,
        G,
        "channel_multipliers",
        metavar="LIST",
    ),
    Flag("--vq-blocks", "residual blocks of a level", int, G, "blocks_per_level"),
    Flag("--vq-attention", "longer sides of levels with attention", number_list, G, "attention_sizes", metavar="LIST"),
    Flag("--vq-latent-channels", "width in front of the codes", int, G, "latent_channels"),
    Flag("--vq-dropout", "dropout of the autoencoder", float, G, "dropout"),
    Flag("--vq-conv-resampling", "sizes change by convolutions", bool, G, "resample_with_conv"),
    Flag("--quantizer", "how the nearest code is found", str, G, "quantizer", QUANTIZERS),
    Flag("--codes-num", "codes in the book", int, G, "num_codes"),
    Flag("--code-dim", "numbers in a code", int, G, "code_dim"),
    Flag("--fsq-levels", "levels of each number, with --quantizer fsq", number_list, G, metavar="LIST"),
    Flag("--commitment-form", "which term of the loss is weighted", str, G, "commitment_form", COMMITMENT_FORMS),
    Flag("--commitment-weight", "its weight", float, G),
    Flag("--transformer-layers", "layers of the transformer", int, G),
    Flag("--transformer-heads", "its heads", int, G),
    Flag("--transformer-width", "its width", int, G),
    Flag("--embedding-dropout", "dropout of its embeddings (of its attention: --attention-dropout)", float, G),
    Flag("--residual-dropout", "dropout of what its layers add", float, G),
    Flag("--token-keep", "probability that a token of its input is not replaced in training", float, G),
    Flag("--temperature", "divides the logits when codes are drawn", float, G),
    Flag("--top-k", "draw from the k likeliest codes", int, G),
    Flag("--top-p", "draw from the likeliest codes whose probabilities sum to p", float, G),
)

NETWORK_GROUPS = (
    ("networks", NETWORKS),
    ("mapping network", MAPPING),
    ("attention of the generator", TRANSFORMER),
    ("attention of the discriminator", D_TRANSFORMER),
    ("projected discriminator", PROJECTED),
    ("positional encoding", POSITIONS),
    ("k-GAN", KGAN),
    ("StyleGAN3", STYLEGAN3),
    ("CREPS", CREPS),
    ("VQGAN", VQGAN),
)
