"""On the reference's weights, every network gives the reference's outputs."""

from __future__ import annotations

import functools
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.interop.convert import write_from
from deepvision.interop.rules import rules_of
from deepvision.models.network import AUXILIARY
from tests.goldens import fill
from tests.models.kinds import one_of_each_kind

# A network of every family; in double precision, where mistakes of an epsilon show.
FLOAT64 = (
    *("lenet5_1998", "lenet5_modern", "alexnet", "squeezenet1_1", "bn_inception", "shufflenet_v1_g3"),
    *("cifar_plain20", "cifar_resnet20", "cifar_wrn16_4", "cifar_densenet_40_12", "cifar_preact_resnet110"),
    *(
        "mobilenet_v3_small",
        "regnet_y_400mf",
        "vit_tiny_patch16_224",
        "deit_tiny_distilled_patch16_224",
        "mixer_s16_224",
    ),
    *("dncnn17_gray", "dncnn17_gray_merged", "srcnn_915", "fsrcnn_x3", "vdsr_bias", "edsr_baseline_x3"),
)
ALL = bool(os.environ.get("DEEPVISION_TEST_ALL"))  # else one of those that differ in sizes alone


def _first_array(name: str) -> str:
    """Returns a name by which the library shows that wrote the state dictionary."""
    return next(iter(fill.state(name)))


_TRIED = fill.names() if ALL else one_of_each_kind(fill.names(), _first_array)
FLOAT32 = [name for name in _TRIED if name not in FLOAT64]
QUICK = {"xla_backend_optimization_level": 0}  # everything runs once: compiling it well would take longer


@pytest.mark.parametrize("name", FLOAT32)
def test_float32_outputs(name):
    golden = fill.golden(name)
    _check(name, golden, golden.weights, golden.x, "", 1e-4)


@pytest.mark.parametrize("name", FLOAT64)
def test_float64_outputs(name):
    golden = fill.golden(name)
    with jax.enable_x64(True):
        _check(name, golden, _wide(golden.weights), golden.x.astype(np.float64), "64", 1e-9)


def _check(name, golden, weights, x, suffix, tolerance):
    """Checks the network's outputs, and where the reference has them those of its auxiliary classifiers."""
    model, variables = dv.create_model(name), dv.load_weights(name, weights)
    apply = functools.partial(model.apply, mutable=[AUXILIARY])
    y, updates = jax.jit(apply, compiler_options=QUICK)(variables, x)
    assert y.dtype == x.dtype
    outputs = {"logits": _as_stored(y, golden), **updates.get(AUXILIARY, {})}
    compared = [output for output in outputs if output + suffix in golden.figures]
    assert "logits" in compared
    for output in compared:
        expected = golden.figures[output + suffix]
        assert np.abs(outputs[output] - expected).max() < tolerance * expected.std(), output


def _as_stored(y, golden):
    """Returns outputs per pixel as the reference has them: channels first, every stride-th position."""
    if y.ndim == 2:
        return y
    stride = golden.meta["stride"]
    return jnp.moveaxis(y, -1, 1)[..., ::stride, ::stride]


STEPS = [("resnet18", "conv1", "fc"), ("densenet121", "features.conv0", "classifier")]


@pytest.mark.parametrize(("name", "first", "head"), STEPS if ALL else STEPS[:1])
def test_training_step(name, first, head):
    """Loss, statistics and gradients of a step in training mode."""
    golden = fill.golden(f"train_{name}")
    model, figures = dv.create_model(name), golden.figures

    def loss(params, stats, x):
        y, updates = model.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
        return jnp.sum(jnp.square(y)), (y, updates["batch_stats"])

    with jax.enable_x64(True):
        variables = dv.load_weights(name, _wide(golden.weights))
        step = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=QUICK)
        x = golden.x.astype(np.float64)
        (value, (y, stats)), gradients = step(variables["params"], variables["batch_stats"], x)
        theirs = write_from({"params": gradients, "batch_stats": stats}, rules_of(model)[0], name)

    _close(value, figures["loss64"])
    _close(y, figures["logits64"])
    _close(theirs[f"{first}.weight"], figures["grad_first_conv64"])
    _close(theirs[f"{head}.bias"], figures["grad_fc_bias64"])
    for prefix, norm in (("first", golden.meta["first_bn"]), ("last", golden.meta["last_bn"])):
        for statistic in ("mean", "var"):
            _close(theirs[f"{norm}.running_{statistic}"], figures[f"{prefix}_bn_running_{statistic}64"])
        _close(theirs[f"{norm}.weight"], figures[f"{prefix}_bn_grad_weight64"])
        _close(theirs[f"{norm}.bias"], figures[f"{prefix}_bn_grad_bias64"])
    norms = golden.meta["gnorm_by_param64"]
    assert len(norms) == len(jax.tree.leaves(gradients))
    for parameter, norm in norms.items():
        _close(np.linalg.norm(theirs[parameter]), norm)


def _close(ours, theirs):
    assert np.abs(np.asarray(ours) - theirs).max() < 1e-9 * np.abs(theirs).max()


def _wide(arrays):
    return {name: array.astype(np.float64) for name, array in arrays.items()}
