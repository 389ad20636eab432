"""Reading and writing the weights of torchvision, timm and the papers' own repositories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from deepvision.array_files import read_arrays, write_arrays
from deepvision.errors import UserError
from deepvision.interop.adapt import Adapter
from deepvision.interop.convert import best_rules, read_into, refuse, write_from
from deepvision.interop.rules import Rules, rules_of
from deepvision.models import Network, create_model

__all__ = ["load_weights", "pretrained", "refit", "save_weights"]


def load_weights(
    name: str,
    source: str | Path | Mapping[str, Any],
    *,
    num_classes: int | None = None,
    image_shape: tuple[int, int, int] | None = None,
) -> dict[str, Any]:
    """Returns the variables of a network of the zoo, with its paper's layers, from another library's state dictionary.

    Names and layouts are those of torchvision, timm or the original repository; every name and shape is checked. A
    convolution's bias that this network does not own is folded into the running mean of the norm behind it.

    Args:
        name: one of `list_models()`.
        source: a file, .safetensors, .npz or .pth (the last with the extra `torch`), or a mapping from names to arrays.
        num_classes: outputs of the classifier; where the source has another number or none, the classifier starts
            anew; 0: without it; None: as many as the source has.
        image_shape: (h, w, c) of the images that the variables are for; None: those of the paper. Position embeddings
            are interpolated, and the first kernels get as many input channels.

    Returns: the collections that `init` returns ("params", "batch_stats" ...), in float32, or in float64 where the
        source is and jax has it enabled.

    Raises:
        UserError: the file cannot be read, or names or shapes do not fit; the message lists what is missing, left over
            and misshaped.
    """
    model = create_model(name)
    found = pretrained(model, source, num_classes, image_shape, name)
    if num_classes is not None:
        model = model.clone(num_classes=num_classes)
        found |= _anew(model, image_shape, found)
    return unflatten_dict({path: jnp.asarray(array) for path, array in found.items()})


def pretrained(
    model: Network,
    source: str | Path | Mapping[str, Any],
    num_classes: int | None,
    image_shape: tuple[int, int, int] | None,
    name: str,
) -> dict[tuple[str, ...], np.ndarray]:
    """Returns what a source holds of a network's variables, by path (collection, module, ..., leaf).

    Arguments and errors are those of `load_weights`, but that the model itself is given: the classifier is left out
    where it does not have `num_classes` outputs.
    """
    arrays = read_arrays(source)
    dialects = _rules(model, name)
    rules = best_rules(flatten_dict(_shapes(model, image_shape)), arrays, dialects, name)
    # Outputs that are the channels of an image are no classifier: another number of them is another network.
    classes = np.shape(arrays.get(rules.classes)) if model.outputs != "image" else (model.num_classes,)
    if classes or num_classes is not None:
        model = model.clone(num_classes=classes[0] if classes else 0)
    adapt = Adapter(model, (image_shape or model.image_shape)[-1])
    found = read_into(_shapes(model, image_shape), arrays, rules, name, adapt)
    if num_classes is None or classes and classes[0] == num_classes:
        return found
    wanted = flatten_dict(_shapes(model.clone(num_classes=num_classes), image_shape))
    return {path: array for path, array in found.items() if path in wanted and wanted[path].shape == array.shape}


def refit(
    model: Network, variables: Mapping[str, Any], num_classes: int, image_shape: tuple[int, int, int], source: str
) -> dict[tuple[str, ...], np.ndarray]:
    """Returns, by path, what variables of the same network, trained here, hold of `model` on other images and classes.

    Raises:
        UserError: they are of another network; the message lists what is missing, left over and misshaped.
    """
    found = flatten_dict(dict(variables))
    others = num_classes + (model.outputs != "image")  # of another number, to tell the classifier; an image has none
    shapes, other = (flatten_dict(_shapes(model.clone(num_classes=n), image_shape)) for n in (num_classes, others))
    adapt = Adapter(model.clone(image_shape=image_shape), image_shape[-1])
    fitted, misshaped = {}, []
    for path in shapes.keys() & found.keys():
        array = adapt(path, found[path], shapes[path].shape)
        if array is not None:
            fitted[path] = array
        elif shapes[path].shape == other[path].shape:  # not of the classifier
            misshaped.append(f"{'/'.join(path)} {found[path].shape} for {shapes[path].shape}")
    lists = {"missing": shapes.keys() - found.keys(), "left over": found.keys() - shapes.keys()}
    named = {what: ["/".join(path) for path in sorted(paths)] for what, paths in lists.items()}
    refuse(source, {**named, "misshaped": sorted(misshaped)})
    return fitted


def save_weights(path: str | Path, name: str, variables: Mapping[str, Any]) -> None:
    """Writes the variables of a network, with its paper's layers, under the names that `load_weights` reads.

    Args:
        path: of the file, .safetensors or .npz.
        name: one of `list_models()`.
        variables: as `init` and `load_weights` return them.

    Raises:
        UserError: a suffix that is neither, or variables that are not of this network with its paper's layers.
    """
    model = create_model(name)
    write_arrays(path, write_from(variables, _rules(model, name)[0], name))


def _rules(model: Network, name: str) -> tuple[Rules, ...]:
    rules = rules_of(model)
    if not rules:
        raise UserError(f"no other library's names are known for the weights of {name!r}")
    return rules


def _shapes(model: Network, image_shape: tuple[int, int, int] | None) -> dict[str, Any]:
    x = jax.ShapeDtypeStruct((1, *(image_shape or model.image_shape)), np.float32)
    return jax.eval_shape(model.init, jax.random.key(0), x)


def _anew(
    model: Network, image_shape: tuple[int, int, int] | None, found: Mapping[tuple[str, ...], Any]
) -> dict[tuple[str, ...], Any]:
    """Returns initial values of the variables that were not found; of the others nothing is computed."""
    missing = sorted(set(flatten_dict(_shapes(model, image_shape))) - set(found))

    def initial(key: jax.Array) -> list[jax.Array]:
        variables = flatten_dict(model.init(key, jnp.zeros((1, *(image_shape or model.image_shape)))))
        return [variables[path] for path in missing]

    return dict(zip(missing, jax.jit(initial)(jax.random.key(0)), strict=True))
