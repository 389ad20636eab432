"""What is done about a loss that is not finite: stop, skip the update, or go back with a lower learning rate."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from deepvision.build import build, build_replicas
from deepvision.errors import UserError
from deepvision.train.loop import fit
from deepvision.train.non_finite import Diverged
from deepvision.train.programs import Programs
from deepvision.train.state import TrainState, init_state
from deepvision.train.step import make_train_step
from tests.train.faults import Notes, final_state, run, small_run
from tests.train.small import curve


@pytest.fixture(scope="module")
def step_of_one():
    """A state, a batch, and the step that skips and the one that does not."""
    experiment = build(small_run())
    optimizer, (model, task) = optax.sgd(0.1, 0.9), (experiment.model, experiment.task)
    state = init_state(jnp.uint32(0), model, optimizer, jnp.zeros((1, 8, 8, 1)), average=False)
    batch = {
        "image": jax.random.normal(jax.random.key(1), (6, 8, 8, 1)),
        "label": jnp.arange(6),
        "weight": jnp.ones(6),
    }
    steps = [jax.jit(make_train_step(model, task, optimizer, skips=skips)) for skips in (False, True)]
    return state, batch, *steps


def test_a_sound_update_is_the_same_with_and_without_skipping(step_of_one):
    state, batch, plain, skipping = step_of_one
    (expected, metrics), (found, counted) = (step(state, batch, jax.random.key(2)) for step in (plain, skipping))
    assert counted.pop("skipped").value() == 0
    same = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7)
    jax.tree.map(same, (found, counted), (expected, metrics))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_broken_update_is_not_made_but_counted(step_of_one, value: float):
    state, batch, _, skipping = step_of_one
    broken = batch | {"image": batch["image"].at[3, 2, 1].set(value)}
    found, metrics = skipping(state, broken, jax.random.key(2))
    assert metrics.pop("skipped").value() == 1
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(metrics)), "it counts for nothing in the others"
    assert found.step == state.step + 1
    jax.tree.map(np.testing.assert_array_equal, found.replace(step=state.step), state)


def test_a_run_whose_updates_are_all_skipped_ends(tmp_path: Path):
    config = small_run(train__non_finite="skip", optimizer__learning_rate=1e30, model__norm=None)
    with pytest.raises(Diverged, match="not finite at step"):
        run(config, tmp_path, seeds=(0,))


def test_going_back_lowers_the_rate_of_the_one_that_broke(tmp_path: Path):
    """The other replica makes the same steps again, to the bit."""
    both = [small_run(optimizer__learning_rate=rate, train__rollback_factor=1e-21) for rate in (1e20, 0.05)]
    for config in both:
        config.model.norm, config.train.non_finite = None, "rollback"
    fit(build_replicas(both, (0, 1)), tmp_path / "both")
    for seed, rollbacks in ((0, 1), (1, 0)):
        config = small_run(optimizer__learning_rate=(0.1, 0.05)[seed], model__norm=None)
        run(config, tmp_path / str(seed), seeds=(seed,))
        expected, found = curve(tmp_path / str(seed), seed=seed), curve(tmp_path / "both", seed=seed)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        assert set(curve(tmp_path / "both", metric="rollbacks", seed=seed)) == {rollbacks}
    assert curve(tmp_path / "0", seed=0)[-1] < curve(tmp_path / "0", seed=0)[0]


def test_going_back_has_an_end(tmp_path: Path):
    changes = {"train__non_finite": "rollback", "train__rollback_factor": 0.5, "train__max_rollbacks": 2}
    with pytest.raises(Diverged, match="not finite"):
        run(small_run(optimizer__learning_rate=1e30, model__norm=None, **changes), tmp_path, seeds=(0,))


def test_going_back_goes_to_the_newest_checkpoint(tmp_path: Path):
    """Of a run whose weights are broken from outside in step 7, to the checkpoint of step 5."""
    experiment, display = build(small_run(train__non_finite="rollback"), (3, 4)), Notes()
    programs, steps = Programs(experiment, 2, together=False, why=""), iter(range(1, 100))
    train = programs.train

    def breaking(state: TrainState, resident: Any, feed: Any) -> Any:
        state, metrics = train(state, resident, feed)
        broken = state.replace(params=jax.tree.map(lambda x: x * jnp.nan, state.params))
        return (broken if next(steps) == 7 else state), metrics

    programs.train = breaking
    fit(experiment, tmp_path, display, programs)
    assert display.notes == ["seed 3, 4: not finite at step 8: back to step 5, with a lower learning rate"]
    assert curve(tmp_path, metric="rollbacks", seed=3).tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    rates = final_state(tmp_path)["['state']['numbers']['optimizer.learning_rate']"]
    np.testing.assert_allclose(rates, experiment.config.optimizer.learning_rate / 2)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("non_finite", "skipp", "did you mean 'skip'"), ("rollback_factor", 1.5, r"must lie in \(0, 1\], got 1.5")],
)
def test_a_bad_choice_is_named(tmp_path: Path, field: str, value: object, message: str):
    with pytest.raises(UserError, match=message):
        run(small_run(**{f"train__{field}": value}), tmp_path)
