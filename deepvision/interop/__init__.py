"""Reading and writing the weights of torchvision, timm and the papers' own repositories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from deepvision.errors import UserError
from deepvision.interop.convert import best_rules, read_into, write_from
from deepvision.interop.files import read_arrays, write_arrays
from deepvision.interop.rules import Rules, rules_of
from deepvision.models import Network, create_model

__all__ = ["load_weights", "save_weights"]


def load_weights(name: str, source: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """Returns the variables of a network of the zoo, with its paper's layers, from another library's state dictionary.

    Names and layouts are those of torchvision (resnet, vgg), timm (vit) or the original repository; every name and
    shape is checked. `num_classes` follows the source, so that `create_model(name, num_classes=...)` with the same
    number takes the result. A convolution's bias that this network does not own is folded into the running mean of the
    norm behind it.

    Args:
        name: one of `list_models()`.
        source: a file, .safetensors or .npz, or a mapping from names to arrays.

    Returns: the collections that `init` returns ("params", "batch_stats" ...), in float32, or in float64 where the
        source is and jax has it enabled.

    Raises:
        UserError: the file cannot be read, or names or shapes do not fit; the message lists what is missing, left over
            and misshaped.
    """
    arrays = read_arrays(source)
    model, dialects = _known(name)
    rules = best_rules(flatten_dict(_shapes(model)), arrays, dialects, name)
    classes = np.shape(arrays.get(rules.classes))
    if classes:
        model = model.clone(num_classes=classes[0])
    return read_into(_shapes(model), arrays, rules, name)


def save_weights(path: str | Path, name: str, variables: Mapping[str, Any]) -> None:
    """Writes the variables of a network, with its paper's layers, under the names that `load_weights` reads.

    Args:
        path: of the file, .safetensors or .npz.
        name: one of `list_models()`.
        variables: as `init` and `load_weights` return them.

    Raises:
        UserError: a suffix that is neither, or variables that are not of this network with its paper's layers.
    """
    _, dialects = _known(name)
    write_arrays(path, write_from(variables, dialects[0], name))


def _known(name: str) -> tuple[Network, tuple[Rules, ...]]:
    """Returns a network with its paper's layers, and the rules it is known by."""
    model = create_model(name)
    dialects = rules_of(model)
    if not dialects:
        raise UserError(f"no other library's names are known for the weights of {name!r}")
    return model, dialects


def _shapes(model: Network) -> dict[str, Any]:
    x = jax.ShapeDtypeStruct((1, *model.image_shape), np.float32)
    return jax.eval_shape(model.init, jax.random.key(0), x)
