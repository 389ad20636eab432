"""The networks of the step's benchmark as flax's own examples write them: its modules and defaults."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.benchmarks.peers.workload import CLASSES, SIGMA, Workload

MULTIPLY = 1024


class LeNet5(nn.Module):
    """LeNet-5 with ReLU and max pooling."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        for features in (6, 16):
            x = nn.relu(nn.Conv(features, (5, 5), padding="VALID", dtype=self.dtype)(x))
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape(len(x), -1)
        for features in (120, 84):
            x = nn.relu(nn.Dense(features, dtype=self.dtype)(x))
        return nn.Dense(CLASSES, dtype=self.dtype)(x)


class CifarResNet20(nn.Module):
    """Three stages of three blocks; shortcuts pad with zero channels."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, dtype=self.dtype)
        conv = functools.partial(nn.Conv, kernel_size=(3, 3), padding=1, use_bias=False, dtype=self.dtype)
        x = nn.relu(norm()(conv(16)(x)))
        for stage, features in enumerate((16, 32, 64)):
            for block in range(3):
                stride = 2 if stage and not block else 1
                y = nn.relu(norm()(conv(features, strides=stride)(x)))
                y = norm()(conv(features)(y))
                x = x[:, ::stride, ::stride]
                x = nn.relu(jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, features - x.shape[-1]))) + y)
        return nn.Dense(CLASSES, dtype=self.dtype)(x.mean(axis=(1, 2)))


class ResNet50(nn.Module):
    """Bottlenecks, strides in the 3x3 convolutions."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, dtype=self.dtype)
        conv = functools.partial(nn.Conv, use_bias=False, dtype=self.dtype)
        x = nn.relu(norm()(conv(64, (7, 7), strides=2, padding=3)(x)))
        x = nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
        for stage, blocks in enumerate((3, 4, 6, 3)):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                features = 64 * 2**stage
                y = nn.relu(norm()(conv(features, (1, 1))(x)))
                y = nn.relu(norm()(conv(features, (3, 3), strides=stride, padding=1)(y)))
                y = norm()(conv(4 * features, (1, 1))(y))
                x = x if block else norm()(conv(4 * features, (1, 1), strides=stride)(x))
                x = nn.relu(x + y)
        return nn.Dense(1000, dtype=self.dtype)(x.mean(axis=(1, 2)))


class DnCNN17(nn.Module):
    """The noise of an image."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        conv = functools.partial(nn.Conv, kernel_size=(3, 3), padding=1, use_bias=False, dtype=self.dtype)
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.9, dtype=self.dtype)
        y = nn.relu(conv(64)(x))
        for _ in range(15):
            y = nn.relu(norm()(conv(64)(y)))
        return x - conv(1)(y)


class ViT(nn.Module):
    """Patches, a class token, 12 blocks."""

    patch: int
    width: int
    heads: int
    classes: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        norm = functools.partial(nn.LayerNorm, epsilon=1e-6, dtype=self.dtype)
        dense = functools.partial(nn.Dense, dtype=self.dtype)
        attention = functools.partial(nn.MultiHeadDotProductAttention, num_heads=self.heads, dtype=self.dtype)
        x = nn.Conv(self.width, (self.patch, self.patch), strides=self.patch, dtype=self.dtype)(x)
        x = x.reshape(len(x), -1, self.width)
        token = self.param("token", nn.initializers.zeros, (1, 1, self.width)).astype(x.dtype)
        x = jnp.concatenate([jnp.broadcast_to(token, (len(x), 1, self.width)), x], axis=1)
        positions = self.param("positions", nn.initializers.normal(0.02), (1, x.shape[1], self.width))
        x = x + positions.astype(x.dtype)
        for _ in range(12):
            x = x + attention()(norm()(x))
            x = x + dense(self.width)(nn.gelu(dense(4 * self.width)(norm()(x)), approximate=False))
        return dense(self.classes)(norm()(x)[:, 0])


NETWORKS = {
    "lenet5_modern": LeNet5,
    "cifar_resnet20": CifarResNet20,
    "dncnn17_gray": DnCNN17,
    "vit_tiny_patch4_32": functools.partial(ViT, 4, 192, 3, CLASSES),
    "vit_small_patch16_224": functools.partial(ViT, 16, 384, 6, 1000),
    "vit_base_patch16_224": functools.partial(ViT, 16, 768, 12, 1000),
    "resnet50": ResNet50,
}


def make_step(workload: Workload, dtype: str = "float32") -> tuple[Callable, tuple[Any, Any, Any]]:
    """Returns the compiled step of a network by SGD with momentum, and the state that it starts from.

    It is `(params, rest, opt_state, key) -> (params, rest, opt_state, loss)`. With a dtype of 16 bits, the network
    computes in it; parameters, moments of batch norm and the loss have 32.
    """
    model = NETWORKS[workload.network](dtype=jnp.dtype(dtype))
    images, labels = map(jnp.asarray, workload.examples())
    variables = model.init(jax.random.key(0), images[:1], train=False)
    optimizer = optax.chain(optax.add_decayed_weights(1e-4), optax.sgd(0.01, momentum=0.9))
    params, rest = variables.pop("params"), variables
    opt_state = optimizer.init(params)

    def loss(params: Any, rest: Any, key: jax.Array) -> tuple[jax.Array, Any]:
        noise = SIGMA * jax.random.normal(key, images.shape) if workload.restores else 0.0
        outputs, rest = model.apply({"params": params, **rest}, images + noise, train=True, mutable=list(rest))
        outputs = outputs.astype(jnp.float32)
        if workload.restores:
            return jnp.mean((outputs - images) ** 2), rest
        return optax.softmax_cross_entropy_with_integer_labels(outputs, labels).mean(), rest

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params: Any, rest: Any, opt_state: Any, key: jax.Array) -> Any:
        (value, rest), grads = jax.value_and_grad(loss, has_aux=True)(params, rest, key)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), rest, opt_state, value

    return step, (params, rest, opt_state)


def make_run(workload: Workload, dtype: str = "float32") -> Callable[[int], float]:
    """Returns a function that makes so many updates, one dispatch each, and returns the last loss."""
    return running(workload, *make_step(workload, dtype))


def running(workload: Workload, step: Callable, state: tuple[Any, Any, Any]) -> Callable[[int], float]:
    """As `make_run`, from a state that the first update uses up."""
    key, count = jax.random.key(0), 0

    def run(steps: int) -> float:
        nonlocal state, count
        for _ in range(steps):
            *state, value = step(*state, jax.random.fold_in(key, count))
            count += 1
        assert np.isfinite(float(value)), f"{workload.network}: the loss of plain flax is {value}"
        return float(value)

    return run


def multiply(times: int) -> float:
    """Multiplies two matrices of side `MULTIPLY` so many times; returns a value of the product."""
    x = jnp.ones((MULTIPLY, MULTIPLY))
    for _ in range(times):
        product = _product(x, x)
    return float(product[0, 0])


_product = jax.jit(jnp.dot)


def parameters(network: str, shape: tuple[int, int, int]) -> int:
    """Returns how many parameters a network has."""
    made = NETWORKS[network]()
    variables = jax.eval_shape(lambda: made.init(jax.random.key(0), jnp.zeros((1, *shape)), train=False))
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
