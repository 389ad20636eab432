"""Names of the neocognitron: our own."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.neocognitron import Neocognitron


def neocognitron(model: Neocognitron) -> Rules:
    modules = {r"stage(\d)/conv": r"s\1.excitation", "head/dense": "head"}
    arrays = {r"stage(\d)/inhibition": r"s\1.inhibition"}
    return Rules(modules, classes="head.weight", arrays=arrays)
