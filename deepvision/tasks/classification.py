"""Classification: one label per image."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from deepvision.errors import UserError
from deepvision.tasks.task import Batch, Metrics
from deepvision.types import Array, Key


@dataclasses.dataclass(frozen=True)
class Classification:
    """Softmax cross-entropy against one label per image.

    Attributes:
        label_smoothing: share of the target spread evenly over all classes, in [0, 1).
        distances: the network returns distances to class codes, the smallest being the prediction, in place of logits.
    Source: label smoothing, Szegedy et al. 2015 (1512.00567), section 7.
    """

    label_smoothing: float = 0.0
    distances: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise UserError(f"loss.label_smoothing must lie in [0, 1), got {self.label_smoothing}")

    @classmethod
    def configured(cls, loss: ConfigDict, outputs: str) -> Classification:
        """Makes the task from the section `loss` of a config and what the network says its outputs are."""
        return cls(label_smoothing=loss.label_smoothing, distances=outputs == "distances")

    def head(self, num_classes: int) -> int:
        return num_classes

    def prepare(self, batch: Batch, key: Key | None, train: bool) -> tuple[Array, Array]:
        return batch["image"], batch["label"]

    def logits(self, outputs: Array) -> Array:
        """Returns unnormalized log-probabilities [n, classes] in float32 at least."""
        outputs = outputs.astype(jnp.promote_types(outputs.dtype, jnp.float32))
        return -outputs if self.distances else outputs

    def loss(self, outputs: Array, targets: Array) -> Array:
        """Returns -sum_k q_k log p_k for each example, q = (1 - s) onehot(label) + s / classes."""
        logits = self.logits(outputs)
        smooth = optax.smooth_labels(jax.nn.one_hot(targets, logits.shape[-1]), self.label_smoothing)
        return optax.softmax_cross_entropy(logits, smooth)

    def metrics(self, outputs: Array, targets: Array, weight: Array) -> Metrics:
        """Returns the negative log-likelihood (without smoothing), the accuracy and, of many classes, the top-5 one."""
        logits = self.logits(outputs)
        values = {
            "loss": optax.softmax_cross_entropy_with_integer_labels(logits, targets),
            "accuracy": jnp.argmax(logits, axis=-1) == targets,
        }
        if logits.shape[-1] > 10:
            _, top = jax.lax.top_k(logits, 5)
            values["top5_accuracy"] = jnp.any(top == targets[:, None], axis=-1)
        return {name: (jnp.sum(value * weight), jnp.sum(weight)) for name, value in values.items()}
