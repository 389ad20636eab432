"""Runs on eight devices of a CPU in both modes, for `test_fsdp.py`: `python -m tests.train.sharded FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jax
import pytest
from ml_collections import ConfigDict

from deepvision.build import build
from deepvision.train import interruption
from deepvision.train.evaluate import initial
from deepvision.train.feeds import dispatch, replica_feeds
from deepvision.train.programs import Programs
from tests.train.faults import at, run, small_run
from tests.train.small import small_config, train

SEEDS = {"resnet": (0,), "vit": (0,), "lenet": (0, 1)}


def configs() -> dict[str, ConfigDict]:
    """Runs that differ in what could go wrong when the devices' batches are seen as one."""
    vit = small_config(
        model__name="vit_tiny_patch16_224",
        model__overrides={"width": 64, "depth": 2, "heads": 2, "patch": 2},
        data__pipeline="streaming",
        loss__mixup=0.2,
        train__averaging="ema(decay=0.9)",
        optimizer__name="lamb",
        optimizer__learning_rate=0.01,
        optimizer__clip_norm=1.0,
    )
    lenet = small_config(
        model__name="lenet5_modern",
        model__overrides=None,
        model__norm="batch(scope='device')",
        data__image_size=16,
        optimizer__name="lars",
        optimizer__weight_decay=1e-3,
        optimizer__accumulate=2,
        parallel__replicas="vmap",
    )
    return {"resnet": small_config(), "vit": vit, "lenet": lenet}


def stopped(config: ConfigDict, workdir: Path) -> None:
    """Begins a run, and stops it after step 7."""
    with pytest.MonkeyPatch.context() as patch, interruption.listening():
        at(patch, "step 7", interruption.request)
        with pytest.raises(interruption.Interrupted):
            run(config, workdir)


def memory() -> dict[str, float]:
    """Returns which share of the bytes of a state the first device holds, after one step of each mode."""
    shares = {}
    for mode in ("pmap", "fsdp"):
        config = small_config(
            model__name="mlp",
            model__overrides={"hidden": (512, 512)},
            model__norm="batch",
            optimizer__name="adam",
            train__averaging="ema(decay=0.9)",
            parallel__mode=mode,
        )
        experiment = build(config)
        programs = Programs(experiment, 1, together=True, why="")
        before = programs.devices.place(initial(experiment, programs.initialize).state)
        feed = dispatch(replica_feeds(experiment, 0), 1, programs.devices)
        state, _ = programs.train(before, programs.resident, feed)
        leaves = jax.tree.leaves((state.params, state.opt_state, state.average))
        held = sum(leaf.addressable_shards[0].data.nbytes for leaf in leaves)
        shares[mode] = held / sum(leaf.nbytes for leaf in leaves)
        shares[f"{mode} donated"] = all(leaf.is_deleted() for leaf in jax.tree.leaves(before.params))
    return shares


def main(folder: Path) -> None:
    for name, config in configs().items():
        for mode in ("pmap", "fsdp"):
            config.parallel.mode = mode
            train(config, folder / name / mode, SEEDS[name])
    run(small_run(parallel__mode="fsdp"), folder / "begun on one")
    stopped(small_run(parallel__mode="fsdp"), folder / "begun on eight")
    (folder / "memory.json").write_text(json.dumps(memory()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
