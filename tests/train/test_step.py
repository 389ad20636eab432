"""The parts of the step, each against what it is defined to be."""

from __future__ import annotations

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from deepvision.build import build
from deepvision.models import create_model
from deepvision.tasks import Classification
from deepvision.train.averaging import ExponentialAverage, Lookahead, PolyakAverage, StochasticWeightAverage
from deepvision.train.evaluate import initial
from deepvision.train.non_finite import Diverged
from deepvision.train.state import init_state
from deepvision.train.step import make_train_step
from tests.train.small import small_config, train

SHAPE = (4, 4, 1)


def batch(size: int = 8):
    rng = np.random.default_rng(0)
    return {
        "image": jnp.asarray(rng.standard_normal((size, *SHAPE)), jnp.float32),
        "label": jnp.asarray(rng.integers(0, 10, size)),
        "weight": jnp.ones(size),
    }


def run(steps=1, norm="layer", average=False, stopped=False, dtype=None, **options):
    """Returns the state before and after some steps of a small perceptron."""
    model = create_model("mlp", 10, norm=norm, dtype=dtype, overrides={"hidden": (16,)})
    optimizer = optax.sgd(0.1)
    state = init_state(0, model, optimizer, jnp.zeros((1, *SHAPE)), average)
    state = before = state.replace(stopped=jnp.asarray(stopped))
    step = jax.jit(make_train_step(model, Classification(), optimizer, **options))
    for _ in range(steps):
        state, metrics = step(state, batch(), state.key())
    return before, state, metrics


def test_accumulated_parts_equal_the_whole_batch():
    _, whole, _ = run()
    _, parts, _ = run(accumulate=4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole.params, parts.params)


@pytest.mark.parametrize(
    ("average", "weights"),
    [
        (ExponentialAverage(0.5), (0.25 * 2 / 11 * 0.1, 0.25 * 2 / 11 * 0.9, 0.25 * 9 / 11, 0.75)),
        (PolyakAverage(), (0, 1 / 3, 1 / 3, 1 / 3)),
        (PolyakAverage(start_epoch=1.0), (0, 0, 1 / 2, 1 / 2)),
        (StochasticWeightAverage(cycle_epochs=2.0), (0, 0, 1, 0)),
        (StochasticWeightAverage(start_epoch=1.0), (0, 0, 1 / 2, 1 / 2)),
        (Lookahead(every=2, decay=0.25), (1 / 4, 0, 3 / 4, 0)),
        (Lookahead(every=1, decay=0.27, power=3), (0.01 * 0.08 * 0.27, 0.99 * 0.08 * 0.27, 0.92 * 0.27, 0.73)),
    ],
    ids=str,
)
def test_averages_follow_their_formulas(average, weights):
    """Three updates, an epoch each: what share the initial value and each of the others have in the average."""
    values = np.asarray([1.0, 2.0, 4.0, 8.0])
    mean = values[0]
    for step, new in enumerate(values[1:]):
        share = float(average.share(jnp.asarray(step), steps_per_epoch=1.0, total_steps=3))
        mean = (1 - share) * mean + share * new
    assert mean == pytest.approx(np.dot(weights, values), rel=1e-6)


def test_the_average_is_kept_beside_the_weights():
    share = functools.partial(ExponentialAverage(0.9).share, steps_per_epoch=1.0, total_steps=3)
    before, after, _ = run(average=True, average_share=share)
    jax.tree.map(
        lambda mean, old, new: np.testing.assert_allclose(mean, 0.1 * old + 0.9 * new, atol=1e-6),
        after.average["params"],
        before.params,
        after.params,
    )


def test_lookahead_goes_on_from_the_slow_weights():
    """After two of two updates, both are a quarter of the initial and three quarters of the fast weights."""
    share = functools.partial(Lookahead(every=2, decay=0.25).share, steps_per_epoch=1.0, total_steps=2)
    before, fast, _ = run(steps=2, norm="batch")
    _, after, _ = run(steps=2, norm="batch", average=True, average_share=share, restarts=True)
    for part in ("params", "model_state"):
        slow = jax.tree.map(lambda old, new: 0.25 * old + 0.75 * new, getattr(before, part), getattr(fast, part))
        jax.tree.map(functools.partial(np.testing.assert_allclose, atol=1e-6), getattr(after, part), slow)
    jax.tree.map(np.testing.assert_array_equal, after.average, after.variables)
    _, between, _ = run(steps=1, norm="batch", average=True, average_share=share, restarts=True)
    jax.tree.map(np.testing.assert_array_equal, between.average, before.variables)
    assert not np.array_equal(between.params["head"]["kernel"], before.params["head"]["kernel"])


def test_a_stopped_replica_stays():
    before, after, _ = run(stopped=True, stoppable=True)
    jax.tree.map(np.testing.assert_array_equal, before.params, after.params)
    assert after.step == before.step + 1


def test_penalties_add_their_gradient_and_projections_come_last():
    decay = 0.5
    _, plain, _ = run()
    before, penalized, _ = run(penalties=(lambda p: decay / 2 * sum(jnp.sum(x**2) for x in jax.tree.leaves(p)),))
    jax.tree.map(
        lambda with_, without, old: np.testing.assert_allclose(with_, without - 0.1 * decay * old, atol=1e-6),
        penalized.params,
        plain.params,
        before.params,
    )
    _, projected, _ = run(projections=(lambda p, step, _: jax.tree.map(jnp.zeros_like, p),))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(projected.params))


def test_bfloat16_computes_in_half_and_learns_in_single():
    _, single, metrics = run(steps=3)
    _, half, rough = run(steps=3, dtype="bfloat16")
    assert {leaf.dtype for leaf in jax.tree.leaves(half.params)} == {jnp.dtype(jnp.float32)}
    assert rough["loss"][0] == pytest.approx(float(metrics["loss"][0]), rel=0.03)
    assert rough["loss"][0] != metrics["loss"][0]


def test_label_smoothing_is_the_mixture_of_two_cross_entropies():
    logits, labels, smoothing = jnp.asarray([[2.0, -1.0, 0.5]]), jnp.asarray([2]), 0.3
    log_p = np.asarray(jax.nn.log_softmax(logits))[0]
    expected = -(1 - smoothing) * log_p[2] - smoothing * log_p.mean()
    task = Classification(label_smoothing=smoothing)
    _, targets = task.prepare({"image": jnp.zeros((1, *SHAPE)), "label": labels}, None, train=False)
    np.testing.assert_allclose(task.loss(logits, targets), [expected], rtol=1e-6)


def test_a_loss_that_is_not_finite_stops_with_the_last_checkpoint_kept(tmp_path: Path):
    config = small_config(model__name="mlp", model__overrides=None, model__norm="none", model__act="relu")
    config.schedule.name, config.schedule.boundaries, config.schedule.factor = "step", (0.3,), 1e30
    config.train.eval_every_epochs = 0.2  # and with it, checkpoints
    with pytest.raises(Diverged, match=r"not finite at step 4 .seeds \[0\].; the checkpoint of step 2 is kept"):
        train(config, tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["2"]
    assert not (tmp_path / "result.json").exists()


def test_early_stopping_ends_the_run_and_the_best_is_kept(tmp_path: Path):
    config = small_config(model__name="mlp", model__overrides=None, train__early_stopping=2)
    config.train.eval_every_epochs = 0.1
    config.optimizer.learning_rate = 0.0
    result = train(config, tmp_path)
    assert result["steps"] == 3, "one evaluation, and two that are not better"
    assert result["best"][0]["step"] == 1


def test_data_dependent_weight_norm_is_calibrated_on_the_first_batch():
    """Behind the first dense layer every unit is standard over that batch (Salimans & Kingma 2016, equation 5)."""
    config = small_config(model__name="mlp", model__overrides={"hidden": (16,)}, data__augment=())
    config.model.kernel = "weight_norm(data_dependent=True)"
    experiment = build(config)
    params = jax.tree.map(lambda x: x[0], initial(experiment).state.params)["fc1"]["dense"]
    feed = next(experiment.train.feed(0, 0))
    images = experiment.train.assemble(experiment.train.resident, feed, None, np.arange(48))["image"]
    kernel = params["kernel"] * params["kernel_gain"] / np.linalg.norm(params["kernel"], axis=0)
    y = np.asarray(images).reshape(48, -1) @ kernel + params["bias"]
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-3)
