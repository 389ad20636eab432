"""The commands of `python -m deepvision`, their flags and their help.

Nothing here imports jax: help and a mistake on the command line are answered at once. The module of a command is
imported when the command line has been read; it has one entry, `run(arguments) -> exit status`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from absl import flags


@dataclasses.dataclass(frozen=True)
class Flag:
    """One flag, and how absl reads it."""

    name: str
    default: Any
    help: str
    define: Callable[..., Any] = flags.DEFINE_string


@dataclasses.dataclass(frozen=True)
class Command:
    """One command: where it is, what it takes, what it is for."""

    module: str
    summary: str
    usage: str
    flags: tuple[Flag, ...] = ()
    takes_config: bool = False  # --config FILE and --config.FIELD=VALUE
    needs_config: bool = False  # not without --config
    positional: tuple[int, int] = (0, 0)  # the least and the most words that are not flags
    compiles: bool = False  # runs compiled programs, which are worth keeping from call to call
    saves: bool = False  # a signal ends it at the next step, with everything saved


_WORKDIR = Flag("workdir", None, "folder of the run (default: runs/<name of the experiment>)")
_INT = flags.DEFINE_integer
_WEIGHTS = "weights: .safetensors, .npz or .pth, with the names of torchvision, timm or the paper's repository"
PROCESSES = (  # flags of what may be one of several processes
    Flag("coordinator", None, "of several processes: HOST:PORT of the first one"),
    Flag("processes", None, "how many processes there are", _INT),
    Flag("process_id", None, "which this is: 0, 1, ...", _INT),
    Flag("cluster", "auto", "where these three come from if not given: slurm, tpu, none, or auto: what is found"),
    Flag("initialization_timeout", 300, "seconds to wait for the other processes", _INT),
)
_SITE = "a name, or name(argument=value); default: as in its paper"

COMMANDS = {
    "train": Command(
        "deepvision.cli.train",
        "train one network",
        "train --config FILE [--workdir DIR] [--config.FIELD=VALUE ...]\n\n"
        "The same command again resumes a run that was stopped. Exit status 75: a signal stopped it, and it is saved.\n"
        "One of several processes: --coordinator HOST:PORT --processes N --process_id I; see docs/running_on_a_pod.md\n"
        "Example: python -m deepvision train --config experiments/digits.py --config.model.norm=group",
        (_WORKDIR, Flag("seeds", 1, "how many seeds to train: config.seed, config.seed + 1, ...", _INT), *PROCESSES),
        takes_config=True,
        needs_config=True,
        compiles=True,
        saves=True,
    ),
    "ablate": Command(
        "deepvision.cli.ablate",
        "train every arm of a comparison with several seeds, and report",
        "ablate --config FILE [--workdir DIR] [--config.FIELD=VALUE ...]\n\n"
        "The arms are the combinations of config.ablation.axes. Only what is missing is run: the same command again\n"
        "goes on where it was stopped, and with more arms or seeds it trains those. A seed that diverged is not tried\n"
        "again.\n"
        "Exit status 3: some arms or seeds failed; the table names them. 75: a signal stopped it, and it is saved.\n"
        "Example: python -m deepvision ablate --config experiments/digits_norms.py",
        (
            _WORKDIR,
            Flag("shard", "1/1", "which part of the arms: 2/3 is the second of three hosts"),
            Flag("dry_run", False, "list the arms with their cost, and run nothing else", flags.DEFINE_boolean),
        ),
        takes_config=True,
        needs_config=True,
        compiles=True,
        saves=True,
    ),
    "evaluate": Command(
        "deepvision.cli.evaluate",
        "evaluate a run, or weights from elsewhere, on a held-out split",
        "evaluate --workdir DIR [--which best|last]\n"
        "       python -m deepvision evaluate --config FILE --weights FILE [--config.FIELD=VALUE ...]\n\n"
        "Example: python -m deepvision evaluate --config experiments/cifar10_resnet20.py --weights resnet20.npz",
        (
            Flag("workdir", None, "folder of the run, or of one arm of an ablation"),
            Flag("which", "best", "which checkpoint: best or last"),
            Flag("weights", None, _WEIGHTS),
        ),
        takes_config=True,
        compiles=True,
    ),
    "predict": Command(
        "deepvision.cli.predict",
        "say what is in image files, restore them, label their pixels, or give them a style",
        "predict --model NAME --weights FILE [--classes FILE] IMAGE...\n"
        "       python -m deepvision predict --workdir DIR IMAGE...\n"
        "       python -m deepvision predict --config FILE --weights FILE IMAGE... [--out DIR]\n\n"
        "Classification prints the most probable classes. Other tasks write NAME.png, the image or a\n"
        "mask in colours with the values of data.classes, and NAME_panel.png, which shows it beside the input and,\n"
        "where known, the truth and the errors; the metrics are printed. A network for gray images restores the\n"
        "channels of a colour image one by one. A folder stands for the images in it.\n"
        "Exit status 2: some images could not be used; the others are answered.\n"
        "Example: python -m deepvision predict --model resnet50 --weights resnet50.safetensors cat.jpg",
        (
            Flag("model", None, "network of the zoo, with its paper's layers"),
            Flag("weights", None, _WEIGHTS),
            Flag("workdir", None, "folder of a run, in place of these: its network, its best weights, its data's form"),
            Flag("classes", None, "file with the name of a class in every line (default: their numbers)"),
            Flag("normalize", "imagenet", "of the pixels: imagenet, unit or symmetric (a run knows its own)"),
            Flag("image_size", None, "side of the square that images are brought to (default: the paper's)", _INT),
            Flag("top", 5, "how many classes to print", _INT),
            Flag("out", "predictions", "of all tasks but classification: folder for what is written"),
            Flag("truth", None, "restoration, segmentation: folder with the true image or mask of the same name"),
            Flag("multiple", None, "the same: continue sides to multiples, so that sizes share a program", _INT),
            Flag("degrade", False, "restoration: degrade the images first, as evaluation does", flags.DEFINE_boolean),
            Flag("style", None, "arbitrary_style_transfer: image whose style the others are given"),
            Flag("alpha", None, "the same: how much of it, from 0 to 1 (default: the config's)", flags.DEFINE_float),
        ),
        takes_config=True,
        positional=(1, 1_000_000),
        compiles=True,
    ),
    "stylize": Command(
        "deepvision.cli.stylize",
        "give image files the style of another by changing their pixels; nothing is trained",
        "stylize --style FILE [--weights FILE] IMAGE... [--out DIR]\n\n"
        "Gatys et al. 2016: the image whose features in VGG are those of IMAGE, and whose Gram matrices the style's.\n"
        "Writes NAME.png, and NAME_panel.png, which shows it beside both. A folder stands for the images in it.\n"
        "Exit status 2: some images could not be used; the others are there.\n"
        "Example: python -m deepvision stylize --style starry_night.jpg --weights vgg19.safetensors photo.jpg",
        (
            Flag("style", None, "image whose style the others are given"),
            Flag("weights", "", "of VGG, .safetensors or .npz with torchvision's names (default: random ones)"),
            Flag("network", "vgg19", "vgg16 or vgg19"),
            Flag("image_size", 512, "pixels to which longer sides are reduced; 0: none", _INT),
            Flag("start", "content", "what is changed: content, the image itself, or noise"),
            Flag("seed", 0, "of the noise", _INT),
            Flag("optimizer", "lbfgs", "lbfgs, lbfgs(memory=20), adam, adam(learning_rate=0.05)"),
            Flag("steps", 300, "of the optimizer", _INT),
            Flag("content", 1.0, "weight of the content in the loss", flags.DEFINE_float),
            Flag("style_weight", 1e5, "weight of the style", flags.DEFINE_float),
            Flag("smoothness", 0.0, "weight of the squared differences between neighbours", flags.DEFINE_float),
            Flag("pool", "avg", "of VGG: avg, as in the paper, or max, as it was trained"),
            Flag("out", "predictions", "folder for what is written"),
        ),
        positional=(1, 1_000_000),
        compiles=True,
    ),
    "prepare": Command(
        "deepvision.cli.prepare",
        "make a data set ready to train on, and say what is in it",
        "prepare NAME [--path DIR] [--data_dir DIR]\n\n"
        "NAME of TFDS: downloads and prepares it. imagenet2012: from the tar files of image-net.org, or a folder with\n"
        "train/ and val/, in --path or DATA_DIR/downloads/manual. Any other NAME: from the folder --path, which holds\n"
        "split/class/image. What is killed goes on where it was, with the same command; of other TFDS names, the\n"
        "downloads are kept. image_folder, or what is prepared already: reads it through.\n"
        "Exit status 2: some images cannot be decoded; they are named.\n"
        "Example: python -m deepvision prepare imagenet2012 --path /data/ILSVRC2012",
        (
            Flag("path", "", "folder of what it is made from"),
            Flag("data_dir", "", "where prepared data sets lie (default: $DEEPVISION_DATA, else ~/.cache/deepvision)"),
            Flag("unusable", "stop", "images that cannot be decoded: stop, or skip them"),
            Flag("workers", None, "processes that write (default: one per core, at most 16)", _INT),
        ),
        positional=(1, 1),
    ),
    "report": Command(
        "deepvision.cli.report",
        "make the tables, the plots and the page of one or more ablations",
        "report DIR [DIR ...] [--baseline ARM] [--metric NAME] [--out DIR]\n\n"
        "Several folders are united: arms with equal configs share their seeds; a field in which the configs of two\n"
        "folders differ becomes a column.\n"
        "Example: python -m deepvision report runs/monday runs/tuesday --metric loss --out runs/both",
        (
            Flag("baseline", None, "the arm all others are compared with (default: config.ablation.baseline)"),
            Flag("metric", None, "what to compare by (default: config.ablation.metric)"),
            Flag("out", None, "folder of the report (default: DIR; of several DIR: united/ in the first)"),
        ),
        positional=(1, 1000),
    ),
    "models": Command(
        "deepvision.cli.models",
        "list the networks, or describe one",
        "models [PATTERN]\n"
        "       python -m deepvision models NAME [--norm=group ...]\n"
        "       python -m deepvision models --layers [--out DIR]\n\n"
        "PATTERN is a shell wildcard, '*resnet*'. NAME: one network, its sites and what stands in them.\n"
        "--layers: writes a page of every norm, activation, kernel ... with its equation and source.",
        (
            Flag("norm", None, _SITE),
            Flag("act", None, _SITE),
            Flag("kernel", None, _SITE),
            Flag("attention", None, _SITE),
            Flag("pool", None, _SITE),
            Flag("global_pool", None, _SITE),
            Flag("placement", None, "where a norm stands: pre, post, post_act, post_pool; default: as in its paper"),
            Flag("image", None, "its input as HEIGHTxWIDTHxCHANNELS (default: that of its paper)"),
            Flag("num_classes", None, "outputs (default: that of its paper)", _INT),
            Flag("layers", False, "write the catalogue of layers as a page", flags.DEFINE_boolean),
            Flag("out", "docs", "folder of that page"),
        ),
        positional=(0, 1),
    ),
}


def overview() -> str:
    """Returns the text of `python -m deepvision --help`."""
    lines = [f"  {name:10}{command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "deepvision: ablations of vision networks in JAX",
            "",
            "usage: python -m deepvision COMMAND ...",
            "",
            *lines,
            "",
            "python -m deepvision COMMAND --help says more.",
        ]
    )


def help_of(command: Command) -> str:
    """Returns the text of `python -m deepvision COMMAND --help`."""
    rows = [(f"--{flag.name}", flag.help) for flag in command.flags]
    if command.takes_config:
        rows.insert(0, ("--config", "file with get_config(), or FILE:VARIANT; experiments/ has some"))
        rows.append(("--config.FIELD", "changes one field: --config.train.epochs=3; deepvision/config.py lists them"))
    table = "\n".join(f"  {name:18}{text}" for name, text in rows)
    text = f"usage: python -m deepvision {command.usage}"
    return f"{text}\n\n{table}" if rows else text
