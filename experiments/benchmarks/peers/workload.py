"""What every way of the step's benchmark works on: the same network, batch and images."""

from __future__ import annotations

import dataclasses

import numpy as np

CLASSES = 10
SIGMA = 25 / 255  # of the noise that a restoring network removes


@dataclasses.dataclass(frozen=True)
class Workload:
    """One network and one batch.

    Attributes:
        network: its name here, and in the peers' tables.
        batch_size: examples of a step.
        shape: (height, width, channels) of one.
        restores: it removes noise, which the step adds, instead of classifying.
    """

    network: str
    batch_size: int
    shape: tuple[int, int, int]
    restores: bool = False

    @property
    def num_classes(self) -> int:
        return 1000 if self.shape[0] == 224 else CLASSES

    def bytes(self) -> np.ndarray:
        """Returns smooth random images, uint8 [n, h, w, c]."""
        rng = np.random.default_rng(0)
        height, width, channels = self.shape
        coarse = rng.integers(0, 256, (self.batch_size, -(-height // 8), -(-width // 8), channels))
        whole = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
        return np.clip(whole + rng.integers(-20, 21, whole.shape), 0, 255).astype(np.uint8)

    def examples(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns one batch of images float32 [n, h, w, c], of mean 0, and labels int32 [n]."""
        images = self.bytes().astype(np.float32) / 255
        return (images if self.restores else 2 * images - 1), np.arange(self.batch_size, dtype=np.int32) % CLASSES


WORKLOADS = {  # of a few CPU cores
    workload.network: workload
    for workload in (
        Workload("lenet5_modern", 256, (32, 32, 1)),
        Workload("cifar_resnet20", 128, (32, 32, 3)),
        Workload("dncnn17_gray", 32, (50, 50, 1), restores=True),
        Workload("vit_tiny_patch4_32", 128, (32, 32, 3)),
        Workload("resnet50", 8, (224, 224, 3)),
    )
}

GPU_WORKLOADS = {
    network: Workload(network, 256, (224, 224, 3))
    for network in ("resnet50", "vit_small_patch16_224", "vit_base_patch16_224")
}
