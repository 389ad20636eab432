"""Where experiments start from: a network, its data and how it is trained, before anything is compared."""

from __future__ import annotations

from collections.abc import Callable

from ml_collections import config_dict

from deepvision.config import default_config
from deepvision.errors import unknown

Recipe = Callable[[], config_dict.ConfigDict]


def variant(name: str, recipes: dict[str, Recipe]) -> config_dict.ConfigDict:
    """Returns the config of one of the variants of an experiment, `--config FILE:NAME`.

    Raises:
        UserError: there is no such variant.
    """
    if name not in recipes:
        raise unknown("variant of the experiment", name, recipes)
    return recipes[name]()


def digits_lenet() -> config_dict.ConfigDict:
    """LeNet-5 with ReLU and max pooling on 1,797 handwritten digits at 16x16: two seconds a run on two CPU cores."""
    config = _digits()
    config.model.name = "lenet5_modern"
    config.model.act = "relu"
    config.model.pool = "max"
    config.data.image_size = 16
    config.optimizer.weight_decay = 1e-3
    return config


def digits_resnet() -> config_dict.ConfigDict:
    """ResNet-8 with 8 channels in its first stage on handwritten digits at 8x8."""
    config = _digits()
    config.model.name = "cifar_resnet20"
    config.model.overrides = {"width": 8, "stage_sizes": (1, 1, 1)}
    config.optimizer.weight_decay = 1e-3
    return config


def digits_perceptron() -> config_dict.ConfigDict:
    """A perceptron without normalization on handwritten digits at 8x8."""
    config = _digits()
    config.model.name = "mlp"
    return config


def mnist_perceptron() -> config_dict.ConfigDict:
    """A perceptron without normalization on MNIST."""
    config = digits_perceptron()
    config.data.name = "mnist"
    return config


def cifar10(model: str = "cifar_resnet20") -> config_dict.ConfigDict:
    """A network on CIFAR-10: augmentation, batch and decay of He et al. 2015 (1512.03385), section 4.2, over 100 epochs
    of a cosine."""
    config = default_config()
    config.model.name = model
    config.data.name = "cifar10"
    config.data.augment = ("pad_crop(padding=4)", "flip")
    config.data.batch_size = 128
    config.optimizer.learning_rate = 0.1
    config.optimizer.weight_decay = 1e-4
    config.schedule.warmup_epochs = 1.0
    config.train.epochs = 100.0
    config.train.eval_every_epochs = 5.0
    return config


def _digits() -> config_dict.ConfigDict:
    config = default_config()
    config.data.name = "digits"
    config.data.batch_size = 64
    config.optimizer.learning_rate = 0.1
    config.optimizer.momentum = 0.9
    config.optimizer.clip_norm = 1.0
    config.schedule.warmup_epochs = 1.0
    config.train.epochs = 15.0
    return config
