"""Pictures of arms: an ablation of networks that restore images, from its folder to its page."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepvision.ablation.merge import read_results
from deepvision.ablation.report.contents import make_report
from deepvision.ablation.report.gallery import gallery
from deepvision.ablation.report.page import page
from deepvision.ablation.run import run_arms
from deepvision.build import build, build_replicas
from deepvision.cli.run_config import read_config
from deepvision.config import default_config
from deepvision.tasks.pictures import class_colours, side_by_side
from deepvision.train.checkpoint import read_variables
from deepvision.train.display import Silent

SIZES = ((140, 24), (20, 30))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("study"), np.random.default_rng(0)
    (root / "data" / "set").mkdir(parents=True)
    for number, size in enumerate(SIZES):
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(root / "data" / "set" / f"{number}.png")
    config = default_config()
    config.name, config.task = "study", "restoration"
    config.model.name, config.model.overrides = "dncnn17_gray", {"depth": 2, "width": 2}
    config.data.update(name="images", path=str(root / "data"), train_split="set", eval_split="set", normalize="unit")
    config.data.update(patch_size=8, batch_size=2, eval_batch_size=1, eval_multiple=8)
    config.optimizer.learning_rate = 0.01
    config.train.steps = 2
    config.ablation.axes = {"model.act": ("relu", "tanh")}
    config.ablation.seeds = 1
    run_arms(config, root / "run", build_replicas, Silent())
    return root / "run"


def test_every_arm_shows_the_first_images_of_the_evaluation(study: Path):
    results = read_results(study)
    names = [f"{number}_{name}.png" for number in (0, 1) for name in ("error", "input", "output", "truth")]
    for arm in results.arms:
        folder = arm.runs[0].folder
        assert sorted(file.name for file in (folder / "pictures").iterdir()) == names
        experiment = build(read_config(folder))
        feed = list(experiment.evaluation.evaluation())[1]
        variables = read_variables(folder, best=False)
        restored = experiment.model.apply(variables, feed["input"][..., :1])[0, : SIZES[1][0], : SIZES[1][1]]
        shown = np.asarray(Image.open(folder / "pictures" / "1_output.png"))
        np.testing.assert_allclose(shown, 255 * np.clip(restored[..., 0], 0, 1), atol=0.51)
    tall = np.asarray(Image.open(folder / "pictures" / "0_truth.png"))
    whole = np.asarray(Image.open(study.parent / "data" / "set" / "0.png"))
    np.testing.assert_array_equal(tall, whole[6:134])


def test_the_page_holds_them_and_what_arms_share_once(study: Path):
    results = read_results(study)
    text = page(make_report(results), [])
    folders = [arm.runs[0].folder / "pictures" for arm in results.arms]
    for folder in folders:
        for name in ("0_output.png", "1_error.png"):
            assert text.count(base64.b64encode((folder / name).read_bytes()).decode()) == 1
    assert text.count(base64.b64encode((folders[0] / "0_truth.png").read_bytes()).decode()) == 1
    assert text.count("<img") == 2 * (2 + 2 * 2)
    changed = folders[1] / "0_input.png"
    Image.new("L", (4, 4)).save(changed)
    assert gallery(results).count("<img") == 2 * (3 + 2 * 2)


def test_pictures_stand_side_by_side_below_their_names():
    left, right = np.full((5, 30, 3), 10, np.uint8), np.full((9, 40, 3), 200, np.uint8)
    sheet = side_by_side({"input": left, "output": right})
    assert sheet.shape == (9 + 16, 30 + 4 + 40, 3)
    np.testing.assert_array_equal(sheet[16:21, :30], left)
    np.testing.assert_array_equal(sheet[16:, 34:], right)
    assert (sheet[:16] < 100).any() and np.all(sheet[21:, :30] == 255)


def test_colours_of_classes_are_those_of_the_development_kit():
    published = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128], [0, 128, 128]]
    assert class_colours()[:7].tolist() == published
    assert class_colours()[20].tolist() == [0, 64, 128]
    assert len(np.unique(class_colours(), axis=0)) == 256
