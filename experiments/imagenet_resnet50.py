"""ResNet-50 on ImageNet.

Claim: 76 % top-1 accuracy on the validation set, one central crop, after 90 epochs.
Source: Goyal et al. 2017, "Accurate, large minibatch SGD" (1706.02677), sections 2 and 5.1: learning rate 0.1 per 256
    images, five epochs of warmup, momentum 0.9, weight decay 1e-4 on kernels; with the cosine schedule, Nesterov
    momentum and bfloat16 of the ImageNet example of flax (76.4 to 76.7 %), and the crops of both.
Command: python -m deepvision train --config experiments/imagenet_resnet50.py --config.data.data_dir=/path/to/tfds
    The folder is that of `python -m deepvision prepare imagenet2012 --path ARCHIVES --data_dir FOLDER`; the archives
    must be asked for at image-net.org.
Cost: not yet measured; the flax example takes 4.4 hours on a TPU v3-8
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision.config import default_config


def get_config() -> config_dict.ConfigDict:
    config = default_config()
    config.model.name = "resnet50"
    config.model.dtype = "bfloat16"
    config.data.name = "imagenet2012"
    config.data.eval_split = "validation"
    config.data.image_size = 224
    config.data.batch_size = 1024
    config.data.eval_batch_size = 1000
    config.data.pipeline = "streaming"
    config.data.train_crop = "random_resized"
    config.data.eval_crop = "center(resize=256)"
    config.data.augment = ("flip",)
    config.data.normalize = "imagenet"
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 0.1 * config.data.batch_size / 256
    config.optimizer.momentum = 0.9
    config.optimizer.nesterov = True
    config.optimizer.weight_decay = 1e-4
    config.schedule.name = "cosine"
    config.schedule.warmup_epochs = 5.0
    config.train.epochs = 90.0
    config.train.log_every_steps = 100
    return config
