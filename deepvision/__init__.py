"""deepvision: swap the normalization, activation, parameterization, attention or regularizer of any vision network."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Name -> module. Read when first used, so that `import deepvision` and `--help` do not wait for jax.
_PUBLIC = {
    "create_model": "deepvision.models",
    "list_models": "deepvision.models",
    "describe": "deepvision.models",
    "load_weights": "deepvision.interop",
    "save_weights": "deepvision.interop",
    "UserError": "deepvision.errors",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'deepvision' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
