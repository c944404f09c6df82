"""The transformer over codes, and drawing from it, against the published code."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import ConfigError
from gansformer_tf.config.vqgan import CodeSampling, CodeTransformerConfig
from gansformer_tf.convert.vqgan_names import assign, transformer_names
from gansformer_tf.models.vqgan import sampling
from gansformer_tf.models.vqgan.sampling import drawn, filtered, numbers_of, sample_codes
from gansformer_tf.models.vqgan.transformer import CodeTransformer, replaced
from gansformer_tf.ops.random import SeedStream
from gansformer_tf.training.optimizers import Adam
from gansformer_tf.training.vqgan.stage2 import cross_entropy, decay, decaying
from tests.models.vqgan.golden import Golden, as_ours, check_forward, check_gradient

SMALL = {"num_codes": 32, "num_tokens": 16, "num_positions": 17, "num_layers": 2, "num_heads": 2, "width": 32}
GREEDY = CodeSampling(top_k=1)


@pytest.fixture(scope="module")
def golden():
    return Golden("gpt_small")


def published(golden: Golden, **changes) -> CodeTransformer:
    model = CodeTransformer(CodeTransformerConfig(**SMALL | {"shared_condition": True} | changes))
    assign(transformer_names(model), golden.under("param/"))
    return model


def awake(**changes) -> CodeTransformer:
    """One whose predictions differ from code to code and from place to place."""
    model = CodeTransformer(CodeTransformerConfig(**SMALL | changes))
    random = np.random.default_rng(3)
    for variable in model.trainable_variables:
        variable.assign(variable + 0.3 * random.standard_normal(variable.shape))
    return model


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


def test_logits_loss_and_gradients(golden):
    model = published(golden)
    assert model.count_params() == golden.about["n_params"]
    names = {name: variable.value for name, variable in transformer_names(model).items()}
    targets = tf.constant(golden["in/targets"])
    with tf.GradientTape() as tape:
        logits = model.logits(golden["in/idx"])
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
    check_forward(logits, golden["out/logits"])
    check_forward(model.logits(golden["in/idx"][:, :5]), golden["out/logits_first5"])
    check_forward(loss, golden["out/loss"])
    gradients = tape.gradient(loss, names)
    for name, expected in golden.under("grad/").items():
        if name not in golden.about["analytically_zero_grads"]:
            check_gradient(name, gradients[name], expected)


def test_one_step_of_adamw(golden):
    model, about = published(golden), golden.about["optimizer"]
    names = {name: variable.value for name, variable in transformer_names(model).items()}
    assert {v.ref() for v in decaying(model)} == {names[name].ref() for name in about["groups"][0]["names"]}
    optimizer = Adam(list(names.values()), learning_rate=about["lr"], beta1=0.9, beta2=0.95, epsilon=1e-8)
    with tf.GradientTape() as tape:
        logits = model.logits(golden["in/idx"])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.constant(golden["in/targets"]), logits)
        loss = tf.reduce_mean(losses)
    gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, list(names.values()))]
    decay(decaying(model), about["lr"] * about["groups"][0]["weight_decay"])
    optimizer.apply(gradients)
    for name, expected in golden.under("param_after1/").items():
        start = as_ours(name, golden[f"param/{name}"])
        moved, wanted = np.reshape(names[name], start.shape) - start, as_ours(name, expected) - start
        assert np.linalg.norm(moved - wanted) <= 1e-2 * np.linalg.norm(wanted), name


def test_replaced_tokens(golden):
    model = published(golden)
    codes = replaced(golden["in/pkeep_z"], golden["draw/pkeep_mask"] > 0, golden["draw/pkeep_random"])
    logits = model(codes)
    check_forward(logits, golden["out/pkeep_logits"])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.constant(golden["in/pkeep_z"]), logits)
    check_forward(tf.reduce_mean(losses), golden["out/pkeep_loss"])


def test_the_filters(golden):
    for case in golden.about["filters"]:
        sampling = CodeSampling(case["temperature"], case["top_k"], case.get("top_p", 1.0))
        left = np.asarray(filtered(golden[case["logits"]], sampling))
        assert np.isfinite(left).sum(axis=1).tolist() == case["kept"], case["key"]
        np.testing.assert_allclose(tf.nn.softmax(left), golden[case["key"]], atol=1e-6, err_msg=case["key"])


@pytest.mark.parametrize("case", ["sos", "half_sos", "class"])
def test_greedy_decoding(golden, case):
    model, labels, known = published(golden), None, None
    expected = golden[f"out/greedy_{case}"]
    if case == "class":
        model = published(golden, label_dim=32)
        labels = tf.one_hot(golden["in/class_tokens"][:, 0], 32)
    if case == "half_sos":
        known = golden["in/half"]
    found = sample_codes(model, uniform(*expected.shape), labels, GREEDY, known)
    np.testing.assert_array_equal(found, expected)
    if case == "sos":
        check_forward(model(found), golden["out/greedy_sos_logits"])


def plain_loop(model: CodeTransformer, numbers: np.ndarray, sampling: CodeSampling, labels=None) -> np.ndarray:
    """Every token from the whole row in front of it, computed anew."""
    codes = np.zeros(numbers.shape, np.int32)
    for place in range(numbers.shape[1]):
        logits = model(codes, labels)[:, place]
        codes[:, place] = drawn(filtered(logits, sampling), numbers[:, place])
    return codes


@pytest.mark.parametrize(
    "sampling", [CodeSampling(), CodeSampling(0.7, top_k=9), CodeSampling(top_p=0.8), CodeSampling(1.3, 20, 0.9)]
)
def test_the_cache_draws_what_the_plain_loop_draws(sampling):
    model = awake(label_dim=3)
    numbers, labels = uniform(4, 16), tf.one_hot([0, 2, 1, 2], 3)
    found = np.asarray(sample_codes(model, numbers, labels, sampling))
    np.testing.assert_array_equal(found, plain_loop(model, numbers, sampling, labels))
    assert len(np.unique(found)) > 4
    in_graph = tf.function(lambda: sample_codes(model, numbers, labels, sampling))()
    np.testing.assert_array_equal(in_graph, found)


def test_each_token_is_computed_once(monkeypatch):
    model, rows = awake(), []
    step = CodeTransformer.step
    monkeypatch.setattr(CodeTransformer, "step", lambda self, t, c, p: rows.append(t.shape[0]) or step(self, t, c, p))
    sample_codes(model, uniform(3, 16))
    assert rows == [24] * 16  # whole tiles


def test_the_same_numbers_give_the_same_codes_whatever_the_batch():
    model, numbers = awake(), uniform(5, 16)
    together = np.asarray(sample_codes(model, numbers))
    for index in range(5):
        np.testing.assert_array_equal(sample_codes(model, numbers[index : index + 1])[0], together[index])
    assert len(np.unique(together, axis=0)) == 5


def test_what_a_code_is_drawn_from_has_the_same_bits_whatever_the_batch(monkeypatch):
    model, numbers = awake(num_codes=512, num_heads=4, width=256), uniform(72, 16)
    seen = []

    def watched(logits, places):
        seen.append(np.asarray(logits))
        return drawn(logits, places)

    monkeypatch.setattr(sampling, "drawn", watched)

    def logits(batch):
        seen.clear()
        sample_codes(model, numbers[:batch])
        return np.stack(seen)[:, :batch]

    together = logits(72)
    for batch in (1, 8, 11, 24, 30, 48):
        np.testing.assert_array_equal(logits(batch), together[:, :batch])


def test_known_codes_are_kept():
    model, numbers = awake(), uniform(2, 16)
    known = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])
    found = np.asarray(sample_codes(model, numbers, known=known))
    np.testing.assert_array_equal(found[:, :5], known)
    free = np.asarray(sample_codes(model, numbers))
    assert (found[:, 5:] != free[:, 5:]).any()
    np.testing.assert_array_equal(sample_codes(model, numbers, known=free), free)


def test_drawing_at_the_edges():
    logits = tf.constant([[-np.inf, 0.0, 0.0, -np.inf]] * 4)
    np.testing.assert_array_equal(drawn(logits, np.array([0.0, 0.4999, 0.5001, 1.0], np.float32)), [1, 1, 2, 2])
    shares = np.bincount(drawn(tf.math.log([[0.1, 0.2, 0.7]] * 4000), uniform(4000)), minlength=3) / 4000
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.7], atol=0.03)


def test_latents_become_numbers():
    z = np.array([-20.0, -1.0, 0.0, 1.0, 20.0], np.float32)
    np.testing.assert_allclose(numbers_of(z), [0.0, 0.158655, 0.5, 0.841345, 1.0], atol=1e-6)
    assert np.asarray(numbers_of(z)).max() < 1.0


def test_the_start_token_is_its_own():
    """Unlike in the published networks it shares its embedding with no code."""
    model = awake()
    before = np.asarray(model(np.zeros((1, 16), np.int32)))
    model.token_embedding.assign(tf.concat([model.token_embedding[:-1], model.token_embedding[-1:] ** 2], 0))
    assert np.abs(model(np.zeros((1, 16), np.int32))[:, 0] - before[:, 0]).max() > 1e-3
    assert model.token_embedding.shape[0] == 33
    assert (np.asarray(awake(label_dim=3).condition(2, tf.one_hot([0, 2], 3))) == [32, 34]).all()


def test_a_prediction_depends_on_nothing_behind_it():
    model = awake()
    codes = np.random.default_rng(0).integers(0, 32, (1, 16))
    changed = codes.copy()
    changed[:, 9:] = (changed[:, 9:] + 1) % 32
    difference = np.abs(model(codes) - model(changed)).max(axis=(0, 2))
    assert (difference[:10] == 0).all() and (difference[10:] > 1e-4).all()


def test_training_draws_dropout_and_replacements_from_the_stream():
    codes = np.random.default_rng(0).integers(0, 32, (2, 16))
    for changes in (
        {"token_keep": 0.5},
        {"embedding_dropout": 0.3},
        {"attention_dropout": 0.3},
        {"residual_dropout": 0.3},
    ):
        model = awake(**changes)
        first, again, other = (cross_entropy(model, codes, None, True, SeedStream(seed)) for seed in (1, 1, 2))
        assert float(first) == float(again) != float(other), changes
        assert float(cross_entropy(model, codes)) not in (float(first), float(other))
        with pytest.raises(ValueError, match="in training needs rng"):
            model(codes, training=True)


def test_bad_calls():
    model, numbers = awake(), uniform(1, 16)
    with pytest.raises(ConfigError, match="top_k is 33; this network has 32 codes"):
        sample_codes(model, numbers, sampling=CodeSampling(top_k=33))
    with pytest.raises(ValueError, match="labels were given; this transformer has none"):
        sample_codes(model, numbers, tf.one_hot([0], 3))
    with pytest.raises(ValueError, match="labels are missing; this transformer takes one-hot \\[batch, 3\\]"):
        sample_codes(awake(label_dim=3), numbers)


def test_it_is_saved_and_computes_in_bfloat16(tmp_path):
    model, codes = awake(), np.random.default_rng(0).integers(0, 32, (2, 16))
    model.save(tmp_path / "model.keras")
    logits = np.asarray(model(codes))
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(codes), logits)
    low = CodeTransformer(model.config, dtype="mixed_bfloat16")
    low.set_weights(model.get_weights())
    assert low(codes).dtype == tf.float32
    assert np.linalg.norm(low(codes) - logits) < 0.05 * np.linalg.norm(logits)
    assert sample_codes(low, uniform(2, 16)).shape == (2, 16)


def test_published_sizes():
    assert CodeTransformer(CodeTransformerConfig(**SMALL | {"shared_condition": True})).count_params() == 28_064
