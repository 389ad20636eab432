"""Blocks one behind the other: written out one by one, or runs of equal ones as loops over their stacked variables.

The body of a loop is traced and compiled once, however many blocks there are; what a loop costs is measured in
experiments/benchmarks/results/scan_blocks.md. The variables of every block keep their own names: they are stacked where
a loop begins, and what the loop changes is put back, so that initialization, checkpoints, decay and groups of
parameters know nothing of loops.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from deepvision.types import Array, Key

_PLACES = ("depth", "depths")  # attributes, numbers between 0 and 1, in which equal blocks may differ
_PERIODS = (1, 2)  # how many blocks are repeated together: two where every second one is shifted
_runs: contextvars.ContextVar[list[Run] | None] = contextvars.ContextVar("runs", default=None)


@dataclasses.dataclass(frozen=True)
class Run:
    """Equal blocks one behind the other, or pairs of such.

    Attributes:
        first, last: their paths.
        blocks: how many they are.
        loop: whether they are a loop, or written out.
    """

    first: str
    last: str
    blocks: int
    loop: bool


@contextlib.contextmanager
def recorded_runs(runs: list[Run] | None) -> Iterator[None]:
    """Appends to a list the runs of what is applied inside, but not those within a loop; None: nobody is told."""
    token = _runs.set(runs)
    try:
        yield
    finally:
        _runs.reset(token)


def chain(blocks: Iterable[nn.Module], x: Array, loops: bool) -> Array:
    """Returns what leaves the last of some blocks; call it inside a compact method.

    Blocks are equal when their attributes are, but for names and places in the network, and the shapes of their
    variables. Two or more such in a row that keep the shape of x are a loop, and so are two or more equal pairs. It
    computes what the blocks would without it, but that their noise is drawn from other keys, again one of every block.

    On a CPU, blocks with convolutions are written out all the same: gradients of convolutions inside a loop run many
    times slower there.

    Args:
        blocks: made inside the same compact method, with a name each.
        x: what enters the first.
        loops: whether there may be loops; initialization has none.
    """
    blocks = list(blocks)
    if not loops or any(block.is_initializing() for block in blocks):
        return _in_turn(blocks, x)
    forms = [_form(block) for block in blocks]
    while blocks:
        period, length = _first_run(forms)
        fits, convolves = _traits(blocks[:period], x) if length > 1 else (False, False)
        if not fits:
            length, x = 1, blocks[0](x)
        else:
            x = _run(blocks[:length], period, x, loop=not convolves or convolutions_may_loop())
        blocks, forms = blocks[length:], forms[length:]
    return x


def convolutions_may_loop() -> bool:
    """Whether gradients of convolutions inside a loop are as fast as outside of one."""
    return jax.default_backend() != "cpu"


def _in_turn(blocks: Sequence[nn.Module], x: Array) -> Array:
    for block in blocks:
        x = block(x)
    return x


def _form(block: nn.Module) -> tuple[Any, ...]:
    """Returns what equal blocks have in common."""
    fields = [field.name for field in dataclasses.fields(block) if field.name not in ("name", "parent", *_PLACES)]
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), block.variables)
    return type(block), {field: getattr(block, field) for field in fields}, shapes


def _first_run(forms: Sequence[Any]) -> tuple[int, int]:
    """Returns the period and the length of the longest run that begins with the first block; both may be one."""
    found = 1, 1
    for period in _PERIODS:
        length = period
        while forms[:period] == forms[length : length + period]:
            length += period
        found = max(found, (period, length), key=lambda run: run[1]) if length > period else found
    return found


class _Given(NamedTuple):
    """What a block is applied with, beside x."""

    variables: Any
    rngs: dict[str, Key]
    places: dict[str, Any]


def _given(block: nn.Module) -> _Given:
    places = {field: getattr(block, field) for field in _PLACES if hasattr(block, field)}
    return _Given(block.variables, {name: block.make_rng(name) for name in block.scope.rngs}, places)


def _traits(kinds: Sequence[nn.Module], x: Array) -> tuple[bool, bool]:
    """Returns whether blocks keep the shape and the type of x, and whether there are convolutions in them."""
    step = functools.partial(_step, kinds)
    program, (y, _) = jax.make_jaxpr(step, return_shape=True)(x, [_given(block) for block in kinds])
    return (y.shape, y.dtype) == (x.shape, x.dtype), "conv_general_dilated" in str(program)


def _run(blocks: Sequence[nn.Module], period: int, x: Array, loop: bool) -> Array:
    runs = _runs.get()
    if runs is not None:
        first, last = ("/".join(block.path) for block in (blocks[0], blocks[-1]))
        runs.append(Run(first, last, len(blocks), loop))
    return _loop(blocks, period, x) if loop else _in_turn(blocks, x)


def _loop(blocks: Sequence[nn.Module], period: int, x: Array) -> Array:
    given = [_given(block) for block in blocks]
    stacked = [jax.tree.map(lambda *leaves: jnp.stack(leaves), *given[kind::period]) for kind in range(period)]
    x, changed = lax.scan(functools.partial(_step, blocks[:period]), x, stacked)
    for index, block in enumerate(blocks):
        own = jax.tree.map(lambda leaf, turn=index // period: leaf[turn], changed[index % period])
        for collection, variables in own.items():
            for name, value in variables.items():
                block.put_variable(collection, name, value)
    return x


def _step(kinds: Sequence[nn.Module], x: Array, given: Sequence[_Given]) -> tuple[Array, list[Any]]:
    """Applies one block of each kind, and returns what leaves them, and what they change of their variables."""
    changed = []
    with recorded_runs(None):
        for kind, (variables, rngs, places) in zip(kinds, given, strict=True):
            block = kind.clone(parent=None, name=None, **places)
            x, changes = block.apply(variables, x, rngs=rngs, mutable=kind.scope.mutable or [])
            changed.append(changes)
    return x, changed
