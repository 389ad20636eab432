"""The TFDS data set `digits`: 1,797 handwritten digits, bundled with scikit-learn, so that it prepares offline."""

from __future__ import annotations

import numpy as np
import tensorflow_datasets as tfds

TEST = slice(2, None, 5)  # of the images of each class, in the order of the bundled file: the 3rd, the 8th, ...


class Digits(tfds.core.GeneratorBasedBuilder):
    """Optical recognition of handwritten digits: 8x8 images, one channel, 10 classes; 1,438 to train, 359 to test.

    A pixel counts the set ones in a 4x4 block of the scan, 0 to 16; here it is scaled to 0 to 255. Every fifth image of
    each class is a test image (`TEST`).

    Source: Alpaydin & Kaynak 1998, https://doi.org/10.24432/C50P49 (its test part, as bundled with scikit-learn).
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(8, 8, 1), encoding_format="png"),
            "label": tfds.features.ClassLabel(names=[str(digit) for digit in range(10)]),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            description="Optical recognition of handwritten digits.",
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage="https://doi.org/10.24432/C50P49",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        from sklearn.datasets import load_digits  # slow to import, and needed only once

        digits = load_digits()
        is_test = np.zeros(len(digits.target), bool)
        for digit in range(10):
            is_test[np.flatnonzero(digits.target == digit)[TEST]] = True
        return {
            "train": self._generate_examples(digits, np.flatnonzero(~is_test)),
            "test": self._generate_examples(digits, np.flatnonzero(is_test)),
        }

    def _generate_examples(self, digits, indices: np.ndarray):
        from PIL import Image

        for index in indices.tolist():
            pixels = np.rint(digits.images[index] * (255 / 16)).astype(np.uint8)
            # An array would be encoded by TensorFlow; a Pillow image is encoded by Pillow.
            yield index, {"image": Image.fromarray(pixels), "label": int(digits.target[index])}
