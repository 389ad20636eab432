"""Do deeper networks train worse, and do shortcuts mend it?

Claim: a plain network gets worse on its training data as it deepens; a residual one of the same size does not.
Source: He et al. 2015, "Deep residual learning for image recognition" (1512.03385), figures 1 and 6: 20 to 56 layers.
Command: python -m deepvision ablate --config experiments/degradation.py
    On CIFAR-10, for a GPU: --config experiments/degradation.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision.config import default_config


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = default_config()
    config.data.name = "digits"
    config.data.batch_size = 64
    config.optimizer.learning_rate = 0.1
    config.optimizer.weight_decay = 1e-3
    config.schedule.warmup_epochs = 1.0
    config.train.epochs = 10.0
    config.train.eval_every_epochs = 5.0
    if variant == "full":
        config.data.name = "cifar10"
        config.data.image_size = None
        config.data.augment = ("pad_crop(padding=4)", "flip")
        config.data.batch_size = 128
        config.optimizer.weight_decay = 1e-4
        config.train.epochs = 100.0
    if variant == "full":
        depths = (20, 32, 44, 56)
        config.ablation.axes = {"model.name": tuple(f"cifar_{kind}{n}" for n in depths for kind in ("plain", "resnet"))}
    else:
        config.ablation.arms = {
            f"{kind}, {6 * units + 2} layers": {
                "model.name": f"cifar_{kind}20",
                "model.overrides": {"width": 4, "stage_sizes": (units,) * 3},
            }
            for units in (1, 3)
            for kind in ("plain", "resnet")
        }
    config.ablation.seeds = 3
    return config
