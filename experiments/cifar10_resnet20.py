"""ResNet-20 on CIFAR-10.

Claim: 8.75 % test error.
Source: He, Zhang, Ren and Sun 2016, "Deep residual learning for image recognition", section 4.2 and table 6: batches of
    128, SGD with momentum 0.9, weight decay 1e-4, learning rate 0.1 divided by 10 after 32,000 and 48,000 of 64,000
    updates; four pixels of padding, a random 32x32 crop and a random flip. The paper subtracts the mean image; here
    every channel is standardized. The paper decays every parameter; here kernels only.
Command: python -m deepvision train --config experiments/cifar10_resnet20.py
    TFDS downloads the set once. From a file instead:
    --config.data.name=npz --config.data.path=/path/to/cifar10.npz
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision.config import default_config

_UPDATES_PER_EPOCH = 50_000 / 128


def get_config() -> config_dict.ConfigDict:
    config = default_config()
    config.model.name = "cifar_resnet20"
    config.data.name = "cifar10"
    config.data.batch_size = 128
    config.data.augment = ("pad_crop(padding=4)", "flip")
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 0.1
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay = 1e-4
    config.schedule.name = "step"
    config.schedule.boundaries = (32_000 / _UPDATES_PER_EPOCH, 48_000 / _UPDATES_PER_EPOCH)
    config.schedule.factor = 0.1
    config.train.steps = 64_000
    return config
