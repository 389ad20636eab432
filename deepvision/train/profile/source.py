"""Where an operation came from: the layer, and the way through the network, from the name that jax gave it.

    jit(_fun)/transpose(jvp(ResNet))/ResNet._stage/layer2_0/layer2_0.branch/conv1/conv1._transform/conv/add_any

was made by `transpose`, in the backward pass, for layer2_0/conv1/conv.
"""

from __future__ import annotations

import re
from typing import NamedTuple

SEVERAL = "several"
_METHOD = re.compile(r"\w*\.\w+")  # flax's name of a method beside the module's own
_LOOP = {"while", "body", "cond", "closed_call", "checkpoint", "rematted_computation", "branch", "scan"}


class Source(NamedTuple):
    """Where an operation came from.

    Attributes:
        layer: path of modules, or what is no layer: data, loss, metrics, optimizer; else a function of jax, `SEVERAL`
            at once, or "", unknown.
        way: forward, backward, or "" for what is no pass through the network.
        name: all that jax says, "" if nothing.
    """

    layer: str
    way: str
    name: str


def source_of(op_name: str) -> Source:
    """Reads the origin of an instruction that the compiler has made of one or of several."""
    name = op_name.split(";")[0]
    if re.search(r"(^|/)\(", name):  # a list: what all devices send each other is sent together
        return Source(SEVERAL, "", name)
    *scopes, primitive = name.split("/")
    functions = [function for scope in scopes for function in re.findall(r"\bjit\((\w+)", scope)]
    path = [part for part in map(_bare, scopes) if part and part not in _LOOP and not _METHOD.fullmatch(part)]
    if len(path) > 1 and path[0][0].isupper():  # the class of the network, which holds all
        path = path[1:]
    outside = functions[-1] if len(functions) > 1 else primitive  # the first jit is the program
    return Source("/".join(path) or outside.lstrip("_"), _way(name), name)


def _bare(scope: str) -> str:
    """Returns a scope without the transformations around it: ResNet of "transpose(jvp(ResNet))", "" of a function."""
    while (match := re.fullmatch(r"(\w+)\((.*)\)", scope)) is not None:
        if match[1] in ("jit", "pjit"):
            return ""
        scope = match[2]
    return scope


def _way(name: str) -> str:
    if "transpose(" in name:
        return "backward"
    return "forward" if "jvp(" in name else ""
