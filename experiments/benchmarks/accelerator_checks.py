"""What is known of a step before it is timed: its device, what it takes at least, and whether it is right."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from deepvision.layers.attention_product import dot_product_attention, plain
from deepvision.models import create_model
from experiments.benchmarks.peers import ours
from experiments.benchmarks.peers.workload import Workload
from experiments.benchmarks.step import operations

Check = dict[str, Any]  # "what" is said, and whether it "holds"


def inspect(workload: Workload, dtype: str) -> dict[str, Any]:
    """Returns what is known of our step on the device of this process.

    "operations" and "bytes" are those of a step; "unit" is how many steps the loop makes in one dispatch.
    """
    step = ours.make_training(workload, dtype).compiled()
    return {
        "device": jax.devices()[0].device_kind,
        "platform": jax.devices()[0].platform,
        "jax": jax.__version__,
        "unit": ours.dispatched_steps(),
        "operations": operations(workload),
        "bytes": step.cost_analysis().get("bytes accessed", math.nan),
        "checks": [*check_attention(workload.network, dtype), check_loss(workload, dtype)],
    }


def check_loss(workload: Workload, dtype: str) -> Check:
    """Checks the loss of the first step on a few examples: within 2 % of that in float32."""
    few = dataclasses.replace(workload, batch_size=min(workload.batch_size, 32))
    actual, exact = (ours.make_training(few, kind).run(1) for kind in (dtype, "float32"))
    what = f"the first loss is {actual:.4f} in {dtype}, {exact:.4f} in float32"
    return {"what": what, "holds": abs(actual - exact) <= 0.02 * exact}


def check_attention(network: str, dtype: str) -> list[Check]:
    """Checks value and gradients of the product of a network's attention, and that a GPU has the kernel.

    The fused product may be at most twice as far from the formula in float32 as the formula in `dtype` is.
    """
    model = create_model(network)
    if not hasattr(model, "heads"):
        return []
    tokens = (model.image_shape[0] // model.patch) ** 2 + 1
    shape = (4, 8, tokens, model.heads, model.width // model.heads)
    *operands, cotangent = jax.random.normal(jax.random.key(0), shape, jnp.dtype(dtype))

    def results(product: Callable, *operands: jax.Array) -> list[jax.Array]:
        y, pull = jax.vjp(product, *operands)
        return [x.astype(jnp.float32) for x in (y, *pull(cotangent.astype(y.dtype)))]

    with jax.default_matmul_precision("float32"):
        exact = jax.jit(results, static_argnums=0)(plain, *(x.astype(jnp.float32) for x in operands))

    def error(product: Callable) -> float:
        pairs = zip(jax.jit(results, static_argnums=0)(product, *operands), exact, strict=True)
        return max(float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)) for a, b in pairs)

    used, formula = error(dot_product_attention), error(plain)
    what = f"attention is {used:.1e} from the formula in float32, the formula in {dtype} {formula:.1e}"
    checks = [{"what": what, "holds": used <= 2 * formula + 1e-6}]
    if jax.default_backend() == "gpu":
        fused = "fmha" in jax.jit(dot_product_attention).lower(*operands).as_text()
        checks.append({"what": "attention is one kernel of cuDNN", "holds": fused})
    return checks
