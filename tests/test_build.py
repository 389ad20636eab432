"""From a config to an experiment."""

from __future__ import annotations

import pytest

from deepvision.build import build
from deepvision.config import default_config
from deepvision.errors import UserError


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model.name": "mlp", "model.pool": "max"}, "model.pool = 'max': mlp has no site of that kind"),
        ({"model.name": "mlp", "model.drop_path": 0.1}, "model.drop_path = 0.1: mlp has no site of that kind"),
        ({"model.scan_blocks": True}, "model.scan_blocks = True: lenet5_modern has no run of equal blocks"),
        ({"model.name": "vgg11", "model.overrides": "{'width': 0}"}, "x0: mend the 0 in model.overrides"),
        (
            {"model.name": "vit_micro_patch4_32", "model.overrides": "{'patch': 0}"},
            "mend the 0 of patch in model.overrides",
        ),
        ({"model.overrides": "{'width'"}, "cannot read model.overrides"),
        ({"model.overrides": "8"}, "model.overrides must be a mapping"),
        ({"task": "clasification"}, "unknown task 'clasification' .did you mean 'classification'"),
        ({"train.epochs": 0.0}, "must be positive"),
        ({"train.averaging": "ema(decay=2.0)"}, r"averaging 'ema': decay must lie in \[0, 1\)"),
        ({"loss.regularizers": ("l3",)}, "unknown regularizer 'l3'"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(fields: dict, message: str):
    config = default_config()
    config.data.image_size = 32
    config.update_from_flattened_dict(fields)
    with pytest.raises(UserError, match=message):
        build(config)
