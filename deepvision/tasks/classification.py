"""Classification: one label per image, or a mixture of two."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from deepvision.errors import UserError
from deepvision.models.network import Network
from deepvision.tasks import mixing
from deepvision.tasks.metrics import Bins, Mean, Metrics
from deepvision.tasks.pictures import Pictures
from deepvision.tasks.task import Batch
from deepvision.types import Array, Key, Shape

BINS = 15  # of confidence, for the calibration error


class Labels(NamedTuple):
    """The classes of an example.

    Attributes:
        first: int [n].
        second: int [n], that of the example mixed in.
        share: [n], of the first; 1 where nothing is mixed.
    """

    first: Array
    second: Array
    share: Array


@dataclasses.dataclass(frozen=True)
class Classification:
    """Softmax cross-entropy against one label per image. Numbers may be arrays that jax traces.

    Attributes:
        label_smoothing: share of the target spread evenly over all classes, in [0, 1).
        mixup, cutmix: parameters of the Beta distributions of `mixing`; 0 switches them off.
        confidence_penalty: weight of the entropy of the prediction, which is subtracted from the loss.
        distances: the network returns distances to class codes, the smallest being the prediction, in place of logits.
    Raises: UserError for a value outside its range.
    Source: label smoothing, Szegedy et al. 2015 (1512.00567), section 7; confidence penalty, Pereyra et al. 2017,
        equation 2; the others see `mixing`.
    """

    headline: ClassVar[str] = "accuracy"

    label_smoothing: float | Array = 0.0
    mixup: float | Array = 0.0
    cutmix: float | Array = 0.0
    confidence_penalty: float | Array = 0.0
    distances: bool = False

    def __post_init__(self) -> None:
        if _known(self.label_smoothing) and not 0 <= self.label_smoothing < 1:
            raise UserError(f"loss.label_smoothing must lie in [0, 1), got {self.label_smoothing}")
        for field in ("mixup", "cutmix", "confidence_penalty"):
            if _known(getattr(self, field)) and getattr(self, field) < 0:
                raise UserError(f"loss.{field} must not be negative, got {getattr(self, field)}")

    @classmethod
    def configured(cls, config: ConfigDict, loss: ConfigDict, model: Network) -> Classification:
        """Makes the task from the section `loss` of a config and what the network says its outputs are.

        Raises:
            UserError: the network does not label images.
        """
        if model.dense:
            raise UserError(
                f"task classification needs a network that labels images, which {config.model.name} does not"
            )
        return cls(
            label_smoothing=loss.label_smoothing,
            mixup=loss.mixup,
            cutmix=loss.cutmix,
            confidence_penalty=loss.confidence_penalty,
            distances=model.outputs == "distances",
        )

    @staticmethod
    def head(num_classes: int, image_shape: Shape) -> int:
        if num_classes == 1:
            raise UserError("task classification needs two or more classes; this data set has one class")
        return num_classes

    def input_shape(self, image_shape: Shape) -> Shape:
        return image_shape

    def on_host(self, example: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
        return example

    def pictures(self, example: dict[str, np.ndarray], output: np.ndarray) -> Pictures:
        return {}

    def prepare(self, batch: Batch, key: Key | None, train: bool) -> tuple[Array, Labels]:
        if "label" not in batch:
            raise UserError("task classification needs a class for every image, which this data set does not know")
        images, labels = batch["image"], batch["label"]
        if not train or (mixing.is_off(self.mixup) and mixing.is_off(self.cutmix)):
            return images, Labels(labels, labels, jnp.ones(labels.shape))
        mixed, share = mixing.mix(images, key, self.mixup, self.cutmix)
        return mixed, Labels(labels, mixing.neighbour(labels), share)

    def log_probabilities(self, outputs: Array) -> Array:
        """Returns log p [n, classes] in float32 at least."""
        outputs = outputs.astype(jnp.promote_types(outputs.dtype, jnp.float32))
        return jax.nn.log_softmax(-outputs if self.distances else outputs)

    def loss(self, outputs: Array, targets: Labels) -> Array:
        """Returns -sum_k q_k log p_k - penalty H(p) of each example, q = (1 - s) labels + s / classes."""
        log_p = self.log_probabilities(outputs)
        one_hot = [jax.nn.one_hot(label, log_p.shape[-1]) for label in (targets.first, targets.second)]
        share = targets.share[:, None]
        q = optax.smooth_labels(share * one_hot[0] + (1 - share) * one_hot[1], self.label_smoothing)
        value = -jnp.sum(q * log_p, axis=-1)
        if not mixing.is_off(self.confidence_penalty):
            value += self.confidence_penalty * jnp.sum(jnp.exp(log_p) * log_p, axis=-1)
        return value

    def metrics(self, outputs: Array, targets: Labels, weight: Array) -> Metrics:
        """Returns the negative log-likelihood (without smoothing), the accuracy and, of many classes, the top-5 one.

        And the expected calibration error: predictions are put into 15 bins by their confidence, the probability of the
        predicted class; the error is the sum over bins of |sum of confidence - sum of hits| / examples. Of a mixture,
        each label counts by its share. Source: Guo et al. 2017 (1706.04599), equation 3.
        """
        log_p = self.log_probabilities(outputs)
        first, second = (_scores(log_p, label) for label in (targets.first, targets.second))
        share, count = targets.share, jnp.sum(weight)
        scores = {name: share * first[name] + (1 - share) * second[name] for name in first}
        metrics = {name: Mean(jnp.sum(score * weight), count) for name, score in scores.items()}
        return metrics | {"calibration_error": Bins(_gaps(log_p, scores["accuracy"], weight), count)}

    def combine(self, outputs: Array) -> Array:
        """Returns the outputs [n, classes] of the mean prediction of several, [members, n, classes]."""
        log_p = self.log_probabilities(outputs)
        mean = jax.nn.logsumexp(log_p, axis=0) - jnp.log(log_p.shape[0])
        return -mean if self.distances else mean


def _gaps(log_p: Array, hits: Array, weight: Array) -> Array:
    """Returns the sum of confidence - hits over the examples in each bin of confidence, [BINS]."""
    confidence = jnp.exp(jnp.max(log_p, axis=-1))
    bins = jnp.clip(jnp.ceil(confidence * BINS).astype(jnp.int32) - 1, 0, BINS - 1)  # a bin holds its upper edge
    return jnp.sum(jax.nn.one_hot(bins, BINS) * ((confidence - hits) * weight)[:, None], axis=0)


def _known(value: float | Array) -> bool:
    return not isinstance(value, jax.Array)


def _scores(log_p: Array, labels: Array) -> dict[str, Array]:
    """Returns the metrics of each example, [n], against one label."""
    scores = {
        "loss": -jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0],
        "accuracy": (jnp.argmax(log_p, axis=-1) == labels).astype(log_p.dtype),
    }
    if log_p.shape[-1] > 10:
        _, top = jax.lax.top_k(log_p, 5)
        scores["top5_accuracy"] = jnp.any(top == labels[:, None], axis=-1).astype(log_p.dtype)
    return scores
