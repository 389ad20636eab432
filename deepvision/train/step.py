"""The step: pure functions of one replica on one device's part of a batch. Nothing here knows how many there are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from deepvision import ops
from deepvision.models.network import AUXILIARY, Network
from deepvision.models.overlap_tile import apply_whole
from deepvision.tasks.metrics import Mean, Metrics
from deepvision.tasks.task import Batch, Task
from deepvision.train import metrics as metrics_lib
from deepvision.train.state import TrainState
from deepvision.train.views import Views, averaged
from deepvision.types import Array, Key

TrainStep = Callable[[TrainState, Batch, Key], tuple[TrainState, Metrics]]
EvalStep = Callable[[Any, Batch], Metrics]


def make_train_step(
    model: Network,
    task: Task,
    optimizer: optax.GradientTransformation,
    penalties: Sequence[Callable[[Any], Array]] = (),
    projections: Sequence[Callable[[Any, Array, Any], Any]] = (),
    accumulate: int = 1,
    average_share: Callable[[Array], Array] | None = None,
    restarts: bool = False,
    stoppable: bool = False,
    skips: bool = False,
) -> TrainStep:
    """Returns the training step `(state, batch, key) -> (state, metrics)`.

    The loss is the mean over the global batch, that of the network's auxiliary classifiers at their weight included,
    plus the penalties. With `accumulate` > 1 the batch is cut into so many
    parts, whose gradients are averaged before the one update. `average_share` is the share of the newest weights in
    their average, as a function of the step; see `averaging`. A step that `restarts` goes on from the average whenever
    that share is not zero. A `stoppable` step leaves a stopped replica as it is.
    One that `skips` makes no update where the loss or a gradient is not finite, and counts that.
    """

    gradient = jax.grad(_make_loss(model, task, penalties), has_aux=True)

    def step(state: TrainState, batch: Batch, key: Key) -> tuple[TrainState, Metrics]:
        grads, model_state, metrics = _accumulated(gradient, state, batch, key, accumulate)
        grads = _mean_over_devices(grads)
        with jax.named_scope("optimizer"):
            updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
            params = optax.apply_updates(state.params, updates)
            for project in projections:
                params = project(params, state.step, model_state)
        variables = {"params": params, **model_state}
        average = _averaged(state, variables, average_share)
        if restarts:
            variables = _either(average_share(state.step) > 0, average, variables)
        new = state.replace(
            step=state.step + 1,
            params=variables.pop("params"),
            model_state=variables,
            opt_state=opt_state,
            average=average,
        )
        with jax.named_scope("metrics"):
            metrics = metrics_lib.sum_over_devices(metrics)
            metrics["gradient_norm"] = Mean(optax.tree.norm(grads), jnp.ones(()))
        new, metrics = _unless_broken(state, new, metrics) if skips else (new, metrics)
        return _unless_stopped(state, new) if stoppable else new, metrics

    return step


def _make_loss(model: Network, task: Task, penalties: Sequence[Callable[[Any], Array]]) -> Callable:
    """Returns the loss of one device's batch, with the network's new state and the metrics beside it."""

    def loss(params: Any, model_state: Any, batch: Batch, key: Key) -> tuple[Array, tuple[Any, Metrics]]:
        with jax.named_scope("data"):
            inputs, targets = task.prepare(batch, jax.random.fold_in(key, 0), train=True)
        outputs, updates = model.apply(
            {"params": params, **model_state},
            inputs,
            train=True,
            mutable=[*model_state, AUXILIARY],
            rngs={"dropout": jax.random.fold_in(key, 1)},
        )
        model_state = {name: updates[name] for name in model_state}
        auxiliary = updates.get(AUXILIARY, {}).values()
        weight = batch["weight"]
        with jax.named_scope("loss"):
            values = task.loss(outputs, targets)
            values += sum(model.auxiliary_weight * task.loss(y, targets) for y in auxiliary)
            value = jnp.sum(values * weight) / jnp.sum(weight) + sum(penalty(params) for penalty in penalties)
        with jax.named_scope("metrics"):
            return value, (model_state, task.metrics(outputs, targets, weight))

    return loss


def make_eval_step(model: Network, task: Task, samples: int = 0, views: Views | None = None) -> EvalStep:
    """Returns the evaluation step `(variables, batch) -> metrics`; examples of weight 0 are padding.

    With `views`, every prediction is the mean over the views of an image. With `samples`, it is the mean of so many
    passes, each with its own noise where a layer's noise goes on in evaluation (Monte Carlo dropout, Gal & Ghahramani
    2016, equation 6).
    """

    def step(variables: Any, batch: Batch) -> Metrics:
        inputs, targets = task.prepare(batch, None, train=False)

        def predict(key: Key) -> Array:
            return averaged(views, task, lambda images: apply_whole(model, variables, images, key))(inputs)

        keys = jax.random.split(jax.random.key(0), max(samples, 1))
        outputs = task.combine(jnp.stack([predict(key) for key in keys])) if samples else predict(keys[0])
        return metrics_lib.sum_over_devices(task.metrics(outputs, targets, batch["weight"]))

    return step


def make_ensemble_step(model: Network, task: Task, views: Views | None = None) -> EvalStep:
    """Returns the evaluation step of the mean prediction of several replicas: `(variables [r], batch) -> metrics`."""

    def step(variables: Any, batch: Batch) -> Metrics:
        inputs, targets = task.prepare(batch, None, train=False)

        def member(_: None, variables: Any) -> tuple[None, Array]:
            predict = averaged(views, task, lambda images: apply_whole(model, variables, images, jax.random.key(0)))
            return None, predict(inputs)

        outputs = task.combine(unrolled_scan(member, None, variables)[1])
        return metrics_lib.sum_over_devices(task.metrics(outputs, targets, batch["weight"]))

    return step


def unrolled_scan(function: Callable, carry: Any, xs: Any) -> tuple[Any, Any]:
    """`lax.scan`, written out on a CPU, step after step.

    There, gradients of convolutions inside a loop run many times slower, and `lax.scan` leaves a loop even where it
    unrolls all of it, or has but one step to do.
    """
    if jax.default_backend() != "cpu":
        return lax.scan(function, carry, xs)
    results = []
    for index in range(len(jax.tree.leaves(xs)[0])):
        carry, result = function(carry, jax.tree.map(lambda x, index=index: x[index], xs))
        results.append(result)
    return carry, jax.tree.map(lambda *parts: jnp.stack(parts), *results)


def _accumulated(gradient: Callable, state: TrainState, batch: Batch, key: Key, parts: int) -> tuple[Any, Any, Metrics]:
    """Returns gradients averaged, and metrics summed, over the parts of the batch."""
    if parts == 1:
        grads, (model_state, metrics) = gradient(state.params, state.model_state, batch, key)
        return grads, model_state, metrics
    split = jax.tree.map(functools.partial(_dealt, parts=parts), batch)

    def part(carry: Any, xs: tuple[Batch, Array]) -> tuple[Any, Metrics]:
        total, model_state = carry
        grads, (model_state, metrics) = gradient(state.params, model_state, xs[0], jax.random.fold_in(key, xs[1]))
        return (jax.tree.map(jnp.add, total, grads), model_state), metrics

    start = (jax.tree.map(jnp.zeros_like, state.params), state.model_state)
    (total, model_state), metrics = unrolled_scan(part, start, (split, jnp.arange(parts)))
    grads = jax.tree.map(lambda x: x / parts, total)
    return grads, model_state, jax.tree.map(functools.partial(jnp.sum, axis=0), metrics)


def _dealt(x: Array, parts: int) -> Array:
    """Returns x [n, ...] as [parts, n / parts, ...], example i in part i mod parts.

    So a part is the same examples of the global batch on any number of devices, and each device has its share of it.
    """
    return jnp.swapaxes(x.reshape(x.shape[0] // parts, parts, *x.shape[1:]), 0, 1)


def _mean_over_devices(tree: Any) -> Any:
    return lax.pmean(tree, ops.BATCH_AXIS) if ops.axis_bound(ops.BATCH_AXIS) else tree


def _averaged(state: TrainState, variables: Any, share: Callable[[Array], Array] | None) -> Any:
    """Moves the average by a share of the way to `variables`."""
    if share is None:
        return None
    w = share(state.step)
    return jax.tree.map(lambda mean, new: ((1 - w) * mean + w * new).astype(mean.dtype), state.average, variables)


def _either(condition: Array, this: Any, that: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), this, that)


def _unless_stopped(old: TrainState, new: TrainState) -> TrainState:
    """Returns `new`, or `old` with the step counted on, for a replica that early stopping has ended."""
    kept = _either(old.stopped, old, new)
    return kept.replace(step=new.step)


def _unless_broken(old: TrainState, new: TrainState, metrics: Metrics) -> tuple[TrainState, Metrics]:
    """Returns `new`, or `old` with the step counted on and metrics of nothing where one of them is not finite.

    The metrics are those of the global batch, so that all devices decide alike.
    """
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(metrics)]))
    kept = _either(finite, new, old)
    counted = jax.tree.map(lambda leaf: jnp.where(finite, leaf, jnp.zeros_like(leaf)), metrics)
    skipped = Mean(jnp.where(finite, 0.0, 1.0), jnp.ones(()))
    return kept.replace(step=new.step), counted | {"skipped": skipped}
