"""The grid of arms."""

from __future__ import annotations

import pytest

from deepvision.ablation.arms import label, make_arms
from deepvision.config import default_config
from deepvision.errors import UserError


def _config(axes):
    config = default_config()
    config.name = "study"
    config.ablation.axes = axes
    return config


def test_arms_are_the_product_of_the_axes_with_the_last_fastest():
    arms = make_arms(_config({"model.norm": ("batch", None), "train.epochs": (1.0, 2.0)}))
    assert [arm.labels for arm in arms] == [("batch", "1.0"), ("batch", "2.0"), ("default", "1.0"), ("default", "2.0")]
    assert [(arm.config.model.norm, arm.config.train.epochs) for arm in arms] == [
        ("batch", 1.0),
        ("batch", 2.0),
        (None, 1.0),
        (None, 2.0),
    ]
    assert arms[0].name == "norm=batch,epochs=1.0"


def test_an_arm_changes_its_fields_and_nothing_else():
    base = _config({"model.norm": ("batch",)})
    arm = make_arms(base)[0].config
    assert base.model.norm is None
    expected = base.to_dict()
    expected["model"]["norm"] = "batch"
    expected["ablation"]["axes"] = None
    expected["name"] = "study norm=batch"
    assert arm.to_dict() == expected


def test_fields_of_an_arm_keep_their_types():
    arm = make_arms(_config({"model.norm": (dict(name="group", groups=8),)}))[0].config
    assert type(arm.model.norm) is dict
    with pytest.raises(TypeError):
        arm.train.epochs = "many"
    with pytest.raises(AttributeError):
        arm.model.nrom = "batch"


def test_an_axis_can_grow_without_touching_other_arms():
    few = make_arms(_config({"model.norm": ("batch", "layer")}))
    more = make_arms(_config({"model.norm": ("none", "layer", "batch")}))
    assert few[0].config.to_dict() == more[2].config.to_dict()
    assert few[0].slug == more[2].slug


def test_axes_that_end_alike_are_named_in_full():
    arms = make_arms(_config({"model.name": ("mlp",), "data.name": ("digits",)}))
    assert arms[0].name == "model.name=mlp,data.name=digits"


def test_choices_are_written_as_calls():
    assert label(dict(name="group", groups=8)) == "group(groups=8)"
    assert label("group(groups=8)") == "group(groups=8)"
    assert label(0.1) == "0.1"


def test_slugs_are_safe_and_distinct():
    arms = make_arms(_config({"model.norm": ("group(groups=8)", "group(groups=[8])", "group/groups", "batch")}))
    slugs = [arm.slug for arm in arms]
    assert len(set(slugs)) == 4
    assert not any(set("/() ") & set(slug) for slug in slugs)
    assert slugs[3] == "norm=batch"


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (None, "axes is empty"),
        ({"model.nrom": ("batch",)}, "did you mean 'model.norm'"),
        ({"model": ("batch",)}, "no field 'model'"),
        ({"model.norm": ()}, "one or more values"),
        ({"model.norm": "batch"}, "one or more values"),
        ({"model.norm": ("batch", "batch")}, "more than once"),
        ({"train.epochs": ("many",)}, "train.epochs is of type float"),
        ({"seed": (1, 2)}, "config.ablation.seeds"),
        (("model.norm",), "must map fields to values"),
    ],
)
def test_a_bad_axis_is_refused_with_the_reason(axes, message):
    with pytest.raises(UserError, match=message) as error:
        make_arms(_config(axes))
    assert "\n" not in str(error.value)


def test_no_seeds_is_refused():
    config = _config({"model.norm": ("batch",)})
    config.ablation.seeds = 0
    with pytest.raises(UserError, match="at least 1"):
        make_arms(config)
