"""No network is trained: the pixels of an image are changed until it has the content of one and the style of another.

Gatys, Ecker & Bethge 2015, "A neural algorithm of artistic style" (1508.06576); 2016, "Image style transfer using
convolutional neural networks" (CVPR).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deepvision.checks import check_count, check_positive
from deepvision.tasks.style_transfer.perceptual import PerceptualLoss
from deepvision.types import Array

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT = "relu4_2"

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]  # from an image to the loss and its gradient
Seen = Callable[[int, float], None]  # is told the number of every step and the loss


def optimized(
    loss: PerceptualLoss,
    content: np.ndarray,
    start: np.ndarray,
    optimizer: LBFGS | Adam,
    steps: int,
    seen: Seen,
) -> np.ndarray:
    """Returns an image float32 [h, w, 3] in [0, 1] that makes the loss small.

    Args:
        loss: whose content is that of `content`, float32 [h, w, 3] in [0, 1].
        start: of the same shape, from which it is changed.
        optimizer: an entry of `OPTIMIZERS`, made.
        steps: at most so many.
        seen: called after each.
    """
    loss = jax.device_put(loss)
    kept = _kept(loss, jnp.asarray(content))

    def objective(image: np.ndarray) -> tuple[float, np.ndarray]:
        (value, _), gradient = _value_and_gradient(loss, jnp.asarray(image, jnp.float32), kept)
        return float(value), np.asarray(gradient)

    return np.asarray(optimizer(objective, start, steps, seen), np.float32)


def parts_of(loss: PerceptualLoss, content: np.ndarray, image: np.ndarray) -> dict[str, float]:
    """Returns the parts of the loss of an image [h, w, 3]."""
    kept = _kept(loss, jnp.asarray(content))
    (_, parts), _ = _value_and_gradient(loss, jnp.asarray(image), kept)
    return {name: float(value[0]) for name, value in parts.items()}


@jax.jit
def _kept(loss: PerceptualLoss, content: Array) -> Array:
    return loss.kept(content[None])


@jax.jit
def _value_and_gradient(
    loss: PerceptualLoss, image: Array, kept: Array
) -> tuple[tuple[Array, dict[str, Array]], Array]:
    def value(image: Array) -> tuple[Array, dict[str, Array]]:
        parts = loss.parts(image[None], kept)
        return sum(parts.values())[0], parts

    return jax.value_and_grad(value, has_aux=True)(image)


@dataclasses.dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS within the bounds 0 and 1 of pixels; of SciPy, whose line search runs on the host.

    (On a CPU, XLA runs the gradients of convolutions many times slower inside a loop, where optax has its search.)

    Attributes:
        memory: steps that the Hessian is estimated from.
    Source: Byrd et al. 1995; section 2 of Gatys et al. 2016 for its use here.
    """

    memory: int = 10

    def __post_init__(self) -> None:
        check_count("optimizer 'lbfgs'", "memory", self.memory)

    def __call__(self, objective: Objective, start: np.ndarray, steps: int, seen: Seen) -> np.ndarray:
        from scipy.optimize import Bounds, OptimizeResult, minimize

        count = 0

        def flat(pixels: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = objective(pixels.reshape(start.shape))
            return value, gradient.ravel().astype(np.float64)

        def callback(intermediate_result: OptimizeResult) -> None:
            nonlocal count
            count += 1
            seen(count, float(intermediate_result.fun))

        found = minimize(
            flat,
            start.ravel().astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(0, 1),
            callback=callback,
            options={"maxiter": steps, "maxcor": self.memory, "maxfun": 20 * steps, "ftol": 0, "gtol": 0},
        )
        return found.x.reshape(start.shape)


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam, with pixels clipped to 0 and 1 after each step.

    Attributes:
        learning_rate: of pixels from 0 to 1.
    Source: Kingma & Ba 2014.
    """

    learning_rate: float = 0.02

    def __post_init__(self) -> None:
        check_positive("optimizer 'adam'", "learning_rate", self.learning_rate)

    def __call__(self, objective: Objective, start: np.ndarray, steps: int, seen: Seen) -> np.ndarray:
        optimizer, image = optax.adam(self.learning_rate), jnp.asarray(start)
        state = optimizer.init(image)
        for step in range(1, steps + 1):
            value, gradient = objective(image)
            updates, state = optimizer.update(jnp.asarray(gradient), state)
            image = jnp.clip(image + updates, 0, 1)
            seen(step, value)
        return np.asarray(image)


OPTIMIZERS = {"lbfgs": LBFGS, "adam": Adam}
