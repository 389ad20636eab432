"""On the reference's weights, every network gives the reference's outputs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.interop.convert import write_from
from deepvision.interop.rules import rules_of
from tests.goldens import fill

# The other VGGs differ from these in the number of convolutions alone; their names and shapes are checked elsewhere.
FLOAT32 = ("cifar_resnet56", "resnet18", "resnet34", "resnet50", "vgg11", "vgg11_bn")
FLOAT64 = ("lenet5_1998", "lenet5_modern", "cifar_plain20", "cifar_resnet20", "vit_tiny_patch16_224")


@pytest.mark.parametrize("name", FLOAT32)
def test_float32_logits(name):
    golden = fill.golden(name)
    variables = dv.load_weights(name, golden.weights)
    y = jax.jit(dv.create_model(name).apply)(variables, golden.x)
    expected = golden.figures["logits"]
    assert y.dtype == jnp.float32
    assert np.abs(y - expected).max() < 1e-4 * expected.std()


@pytest.mark.parametrize("name", FLOAT64)
def test_float64_logits(name):
    golden = fill.golden(name)
    with jax.enable_x64(True):
        variables = dv.load_weights(name, _wide(golden.weights))
        y = jax.jit(dv.create_model(name).apply)(variables, golden.x.astype(np.float64))
        expected = golden.figures["logits64"]
        assert y.dtype == jnp.float64
        assert np.abs(y - expected).max() < 1e-9 * expected.std()


def test_training_step_of_resnet18():
    golden = fill.golden("train_resnet18")
    model, figures = dv.create_model("resnet18"), golden.figures

    def loss(params, stats, x):
        y, updates = model.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
        return jnp.sum(jnp.square(y)), (y, updates["batch_stats"])

    with jax.enable_x64(True):
        variables = dv.load_weights("resnet18", _wide(golden.weights))
        step = jax.jit(jax.value_and_grad(loss, has_aux=True))
        x = golden.x.astype(np.float64)
        (value, (y, stats)), gradients = step(variables["params"], variables["batch_stats"], x)
        theirs = write_from({"params": gradients, "batch_stats": stats}, rules_of(model)[0], "resnet18")

    _close(value, figures["loss64"])
    _close(y, figures["logits64"])
    _close(theirs["conv1.weight"], figures["grad_first_conv64"])
    _close(theirs["fc.bias"], figures["grad_fc_bias64"])
    for prefix, norm in (("first", golden.meta["first_bn"]), ("last", golden.meta["last_bn"])):
        for statistic in ("mean", "var"):
            _close(theirs[f"{norm}.running_{statistic}"], figures[f"{prefix}_bn_running_{statistic}64"])
        _close(theirs[f"{norm}.weight"], figures[f"{prefix}_bn_grad_weight64"])
        _close(theirs[f"{norm}.bias"], figures[f"{prefix}_bn_grad_bias64"])
    norms = golden.meta["gnorm_by_param64"]
    assert len(norms) == len(jax.tree.leaves(gradients))
    for name, norm in norms.items():
        _close(np.linalg.norm(theirs[name]), norm)


def _close(ours, theirs):
    assert np.abs(np.asarray(ours) - theirs).max() < 1e-9 * np.abs(theirs).max()


def _wide(arrays):
    return {name: array.astype(np.float64) for name, array in arrays.items()}
