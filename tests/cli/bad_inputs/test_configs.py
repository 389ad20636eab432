"""Configs: names that do not exist, values that do not go together, sizes that nobody has, broken experiment files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.bad_inputs.asking import assert_refused
from tests.cli.bad_inputs.conftest import EXPERIMENT

pytestmark = pytest.mark.usefixtures("nothing_compiles")

# What --config.FIELD=VALUE is refused with, besides what every number is refused for (test_numbers_and_names).
FIELDS = (
    ("seed=1.5", "seed"),
    ("seed=one", "seed"),
    ("profile=1.5", "profile"),
    ("profile=yes", "profile"),
    ("profile=2", "profile = 2: after the first dispatch at step 0 there are never so many steps"),
    ("task=clasification", "did you mean 'classification'"),
    ("task=segmentation", "needs a network that labels pixels"),
    ("task=restoration", "restor"),
    ("task=style_transfer", "set data.channels to 3"),
    ("init_from=nowhere.npz", "no file nowhere.npz"),
    ("init_from=/", "no checkpoint in /checkpoints"),
    ("model.name=mpl", "did you mean 'mlp'"),
    ("model.name=", "unknown model ''"),
    ("model.name=vit_b_16", "image"),
    ("model.name=unet_2015", "needs a network that labels images, which unet_2015 does not"),
    ("model.norm=barch", "did you mean 'batch'"),
    ("model.norm=group(groups=0)", "groups"),
    ("model.norm=group(groups='8')", "groups"),
    ("model.norm=group(group=8)", "groups"),
    ("model.norm=batch(momentum=2.0)", "momentum"),
    ("model.norm=batch(scope='galaxy')", "scope"),
    ("model.norm=7", "norm"),
    ("model.act=rleu", "did you mean 'relu'"),
    ("model.act=leaky_relu(slope='steep')", "slope"),
    ("model.kernel=weight_nrom", "did you mean 'weight_norm'"),
    ("model.attention=squeeze", "attention"),
    ("model.pool=max", "no site of that kind"),
    ("model.placement=middle", "placement"),
    ("model.dropout=1.0", "dropout"),
    ("model.dropout=-0.1", "dropout"),
    ("model.dropout=nan", "dropout"),
    ("model.dropout=spatial(rate=2)", "rate"),
    ("model.drop_path=0.5", "model.drop_path = 0.5: mlp has no site of that kind"),
    ("model.drop_path=shake_drop", "mlp has no site of that kind"),
    ("model.init=hot", "init"),
    ("model.dtype=float8", "dtype"),
    ("model.overrides=width", "model.overrides"),
    ("model.overrides={'hiden': (8,)}", "did you mean 'hidden'"),
    ("model.overrides={'hidden': 'many'}", "hidden"),
    ("model.overrides={'hidden': (-8,)}", "hidden"),
    ("model.overrides={'hidden': (0,)}", "layer fc1/dense would have a kernel of 64x0"),
    ("model.overrides={'hidden': (8.5,)}", "hidden"),
    ("model.overrides={'hidden': 8}", "hidden"),
    ("model.overrides={'hidden': (10**5,)}", "cannot read model.overrides"),
    ("model.overrides={'hidden': (1000000000, 1000000000)}", "choose a smaller network"),
    ("model.overrides={'image_shape': 'large'}", "image_shape"),
    ("model.overrides={1: 2}", "overrides"),
    ("data.name=", "data.name is empty"),
    ("data.image_size=0", "data.image_size must be 1 to"),
    ("data.image_size=1000000", "data.image_size must be 1 to"),
    ("data.fit=squeeze", "data.fit"),
    ("data.channels=2", "data.channels must be 1 or 3"),
    ("data.batch_size=0", "data.batch_size must be at least 1"),
    ("data.batch_size=2000000000", "a batch of 2,000,000,000 images"),
    ("data.eval_batch_size=0", "data.eval_batch_size"),
    ("data.eval_batch_size=2000000000", "a batch of 2,000,000,000 images"),
    ("data.pipeline=river", "data.pipeline"),
    ("data.num_workers=100000", "data.num_workers must be 0 to"),
    ("data.prefetch=100000", "data.prefetch must be 0 to"),
    ("data.augment=flop", "augmentation"),
    ("data.augment=flip(p=2)", "probability"),
    ("data.augment=pad_crop(padding=-1)", "padding"),
    ("data.augment=cutout(size=100)", "cutout"),
    ("data.augment=pad_crop(padding=100000000)", "padding"),
    ("data.augment=randaugment(magnitude=99)", "magnitude"),
    ("data.augment=autoaugment(policy='mnist')", "imagenet, cifar10, svhn"),
    ("data.repeats=3", "does not divide"),
    ("data.normalize=imagnet", "did you mean 'imagenet'"),
    ("data.luma=video", "data.luma"),
    ("optimizer.name=sdg", "did you mean 'sgd'"),
    ("optimizer.accumulate=0", "optimizer.accumulate"),
    ("optimizer.accumulate=3", "does not divide the 8 examples"),
    ("optimizer.layer_decay=0.0", "layer_decay"),
    ("optimizer.momentum=1.5", "optimizer.momentum"),
    ("optimizer.b1=1.0", "optimizer.b1"),
    ("optimizer.trainable=('nothing/*',)", "nothing/*"),
    ("schedule.name=cosinus", "did you mean 'cosine'"),
    ("schedule.name=exponential_decay", "schedule"),
    ("schedule.name=exponential_decay(init_value='a', transition_steps=1, decay_rate=1)", "schedule"),
    ("schedule.warmup_epochs=100.0", "longer than the 2 steps"),
    ("loss.label_smoothing=1.0", "label_smoothing"),
    ("loss.regularizers=l3", "regularizer"),
    ("loss.regularizers=l2(scale='much')", "scale"),
    ("loss.projections=max_norm(limit=-1.0)", "limit"),
    ("train.epochs=0.0", "train.epochs"),
    ("train.averaging=ema(decay=1.5)", "decay"),
    ("train.averaging=mean", "averaging"),
    ("train.non_finite=pray", "train.non_finite"),
    ("train.rollback_factor=0.0", "train.rollback_factor"),
    ("train.log_every_steps=0", "train.log_every_steps"),
    ("train.keep_checkpoints=0", "train.keep_checkpoints"),
    ("train.monte_carlo=1000000", "train.monte_carlo"),
    ("train.views=flop", "did you mean 'flip'"),
    ("train.views=ten_crop(size=100)", "size = 100 is more than"),
    ("train.best_metric=beauty", "beauty"),
    ("parallel.devices=64", "parallel.devices = 64"),
    ("parallel.replicas=sideways", "parallel.replicas"),
)

AXES = (
    ("ablation.axes=model.norm", "axes"),
    ("ablation.axes={'model.nrom': ('batch',)}", "did you mean 'model.norm'"),
    ("ablation.axes={'model.norm': 'batch'}", "needs a tuple"),
    ("ablation.axes={'model.norm': ()}", "needs a tuple"),
    ("ablation.axes={'model.norm': ('batch', 'batch')}", "more than once"),
    ("ablation.axes={'seed': (1, 2)}", "cannot be an ablation axis"),
    ("ablation.axes={'train.steps': ('many',)}", "train.steps is of type int"),
    ("ablation.axes={3: (1, 2)}", "cannot be an ablation axis"),
    ("ablation.axes=(1, 2)", "must map fields to values"),
    ("ablation.arms={'a': {'model.norm': 'none'}}", "exclude each other"),
    ("ablation.mode=zigzag", "ablation.mode"),
    ("ablation.exclude=({'model.norm': 'lrn'},)", "no arm matches"),
    ("ablation.seeds=0", "ablation.seeds"),
    ("ablation.seeds=2000000000", "ablation.seeds"),
    ("ablation.metric=beauty", "unknown metric 'beauty'"),
    ("ablation.baseline=nobody", "unknown arm 'nobody'"),
    ("ablation.within=('model.act',)", "within"),
    ("ablation.within=7", "within"),
    ("ablation.tune={'model.norm': ('batch',)}", "tune another field"),
    ("ablation.tune={'optimizer.learning_rate': (0.1, 0.2)}", "validation_split"),
    ("ablation.axes={'seed': ", "axes"),
)

GOOD = EXPERIMENT.format(path="set.npz")
FILES = (
    ("", "there is no function get_config()"),
    ("\0", "null"),
    ("def get_config(:\n", ":1: invalid syntax"),
    ("\n  x = 1\n", ":2: unexpected indent"),
    ("import no_such_module\n", ":1: ModuleNotFoundError"),
    ("raise ValueError('first line\\nsecond line')\n", ":1: ValueError: first line"),
    ("raise SystemExit\n", ":1: SystemExit"),
    ("import sys\nsys.exit('enough')\n", ":2: SystemExit: enough"),
    ("get_config = 3\n", "TypeError"),
    ("def get_config(variant):\n    return variant\n", "TypeError"),
    ("def get_config():\n    pass\n", "must return a ConfigDict, returned NoneType"),
    ("def get_config():\n    return get_config()\n", "RecursionError"),
    ("def get_config():\n    raise KeyError('x')\n", ":2: KeyError"),
    ("from ml_collections import ConfigDict\nget_config = ConfigDict\n", "lacks the field"),
    (GOOD.replace("config.train.steps", "config.train.step"), "did you mean 'steps'"),
    (GOOD.replace("steps = 2", "steps = 'two'"), "TypeError"),
    (GOOD.replace("    return", "    del config.unlock().model\n    return"), "the config lacks the field model"),
    (GOOD.replace("    return", "    config.unlock().speed = 3\n    return"), "does not exist, speed"),
    (GOOD.replace("    return", "    config.unlock().model = 3\n    return"), ""),
    (GOOD.replace("config.train.steps = 2", "config.data.batch_size = None"), "data.batch_size"),
    (GOOD.replace("config.train.steps = 2", "config.model.norm = dict(groups=8)"), "needs a 'name'"),
    (GOOD.replace("config.train.steps = 2", "config.model.norm = ['batch']"), "a norm is a name"),
)


def refused(experiment: Path, folder: Path, command: str, *more: str, says: str) -> None:
    assert_refused(command, "--config", experiment, "--workdir", folder, *more, says=says)
    assert not list(folder.rglob("checkpoints")), "nothing has begun"


@pytest.mark.parametrize(("change", "says"), FIELDS, ids=[change[:50] for change, _ in FIELDS])
def test_a_bad_field_is_refused(experiment: Path, tmp_path: Path, change: str, says: str):
    refused(experiment, tmp_path, "train", f"--config.{change}", says=says)


@pytest.mark.parametrize(("change", "says"), AXES, ids=[change[:50] for change, _ in AXES])
def test_a_bad_comparison_is_refused(experiment: Path, tmp_path: Path, change: str, says: str):
    axes = "--config.ablation.axes={'model.norm': ('none', 'batch')}"
    refused(experiment, tmp_path, "ablate", axes, f"--config.{change}", says=says)


@pytest.mark.parametrize(("text", "says"), FILES, ids=range(len(FILES)))
def test_a_broken_experiment_is_refused(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
):
    monkeypatch.chdir(experiment.parent)  # where set.npz is
    (tmp_path / "broken.py").write_text(text)
    refused(tmp_path / "broken.py", tmp_path / "run", "train", says=says)


def test_an_experiment_must_be_a_readable_python_file(tmp_path: Path):
    (tmp_path / "latin.py").write_bytes(b"x = '\xff'\n")
    assert_refused("train", "--config", tmp_path / "latin.py", says="latin.py")
    (tmp_path / "folder.py").mkdir()
    for name in ("folder.py", "nowhere.py", "latin.py:variant"):
        assert_refused("train", "--config", tmp_path / name, says="latin" if "latin" in name else "there is no file")
