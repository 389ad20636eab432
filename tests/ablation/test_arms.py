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


def test_of_overrides_is_written_what_they_add():
    size = {"depth": 8, "width": 32}
    axes = {"model.overrides": (size, {**size, "residual": False}, {**size, "width": 16}, {"width": 32})}
    config = _config(axes)
    config.model.overrides = size
    arms = make_arms(config)
    assert [arm.labels[0] for arm in arms] == [str(size), "residual=False", "width=16", "{'width': 32}"]
    config.ablation.axes = {"model.overrides": axes["model.overrides"][1:2]}
    assert make_arms(config)[0].slug == arms[1].slug, "an axis may grow"


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
        ("{'model.norm': ", "cannot read config.ablation.axes"),
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
    with pytest.raises(UserError, match="ablation.seeds must be 1 to 10,000, got 0"):
        make_arms(config)


def _ablation(**fields):
    config = _config(None)
    config.ablation.update(fields)
    return config


def test_axes_in_zip_go_together():
    axes = {"data.batch_size": (32, 64), "optimizer.learning_rate": (0.1, 0.2)}
    arms = make_arms(_ablation(axes=axes, mode="zip"))
    assert [arm.labels for arm in arms] == [("32", "0.1"), ("64", "0.2")]


def test_arms_can_be_listed_by_name():
    arms = make_arms(_ablation(arms={"as published": {}, "ours": {"model.norm": "group", "train.epochs": 2.0}}))
    assert [arm.name for arm in arms] == ["as published", "ours"]
    assert [arm.labels for arm in arms] == [("as published",), ("ours",)]
    assert arms[1].changes == {"model.norm": "group", "train.epochs": 2.0}
    assert (arms[1].config.model.norm, arms[1].config.train.epochs) == ("group", 2.0)
    assert arms[0].slug.startswith("as_published-")


def test_exclusions_leave_out_what_matches_all_their_fields():
    axes = {"model.norm": ("none", "batch", "layer"), "data.batch_size": (8, 64)}
    exclude = ({"model.norm": ("none", "batch"), "data.batch_size": 8}, {"model.norm": "layer", "data.batch_size": 64})
    arms = make_arms(_ablation(axes=axes, exclude=exclude))
    assert [arm.labels for arm in arms] == [("none", "64"), ("batch", "64"), ("layer", "8")]


def test_a_command_line_gives_them_as_text():
    arms = make_arms(_ablation(axes="{'model.norm': ('batch', None)}", exclude="{'model.norm': 'batch'}"))
    assert [arm.name for arm in arms] == ["norm=default"]


_AXES = {"model.norm": ("batch", "layer"), "train.epochs": (1.0,)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"axes": _AXES, "mode": "zip"}, "as many values on every axis; model.norm has 2, train.epochs has 1"),
        ({"axes": _AXES, "mode": "zap"}, "did you mean 'zip'"),
        ({"axes": _AXES, "arms": {"a": {}}}, "exclude each other"),
        ({"arms": {"a": {"model.nrom": "batch"}}}, "did you mean 'model.norm'"),
        ({"arms": {"a": "batch"}}, "'a' must map fields to values"),
        ({"arms": {"": {}}}, "needs a name"),
        ({"arms": {"a": {"model.norm": "batch"}, "b": {"model.norm": "batch"}}}, "'b' is the same as 'a'"),
        ({"axes": _AXES, "exclude": ({"model.norm": "group"},)}, "no arm matches {'model.norm': 'group'}"),
        ({"axes": _AXES, "exclude": ({"train.epochs": 1.0},)}, "leaves out every arm"),
        ({"axes": _AXES, "exclude": ({"model.nrom": "batch"},)}, "did you mean 'model.norm'"),
        ({"axes": _AXES, "exclude": ("batch",)}, "each entry must map fields to values"),
    ],
    ids=str,
)
def test_a_bad_comparison_is_refused_with_the_reason(fields, message):
    with pytest.raises(UserError, match=message) as error:
        make_arms(_ablation(**fields))
    assert "\n" not in str(error.value)
