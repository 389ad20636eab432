"""Does attention behind residual branches help?

Claim: attention over channels (squeeze and excitation) helps a residual network at little cost; attention over
    positions adds little to it.
Source: Hu et al. 2018 (se), Woo et al. 2018 (cbam), Wang et al. 2020 (eca).
Command: python -m deepvision ablate --config experiments/attention_blocks.py
    On CIFAR-10, for a GPU: --config experiments/attention_blocks.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision.config import default_config


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = default_config()
    config.model.name = "cifar_resnet20"
    config.model.overrides = {"width": 8, "stage_sizes": (1, 1, 1)}
    config.model.act = "relu"
    config.data.name = "digits"
    config.data.batch_size = 64
    config.optimizer.learning_rate = 0.1
    config.optimizer.weight_decay = 1e-3
    config.schedule.warmup_epochs = 1.0
    config.train.epochs = 10.0
    config.train.eval_every_epochs = 5.0
    if variant == "full":
        config.model.overrides = None
        config.data.name = "cifar10"
        config.data.image_size = None
        config.data.augment = ("pad_crop(padding=4)", "flip")
        config.data.batch_size = 128
        config.optimizer.weight_decay = 1e-4
        config.train.epochs = 100.0
    config.ablation.axes = {"model.attention": ("none", "se", "eca", "cbam")}
    config.ablation.seeds = 3
    return config
