"""The compiled programs in a trace: what their operations do, and which layer each came from.

The profiler writes the optimized programs into a plane of the trace, as messages that jax shows nothing of; they are
read by the numbers of their fields (xplane.proto of the profiler; hlo.proto and xla_data.proto of XLA).
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from deepvision.train.profile.source import Source, source_of
from deepvision.train.profile.wire import Value, fields, numbers, text

_PLANE = "/host:metadata"
_MOVES = frozenset(
    ("copy", "copy-start", "copy-done", "transpose", "reshape", "broadcast", "slice", "concatenate", "pad", "reverse")
    + ("dynamic-slice", "dynamic-update-slice", "bitcast", "iota", "tuple", "get-tuple-element", "parameter")
    + ("constant", "opt-barrier")
)
_COMMUNICATION = ("all-reduce", "all-gather", "reduce-scatter", "collective-permute", "all-to-all")
# What an operation is, by what occurs in it; the first that does counts, and gives the source as well.
_KINDS = {
    "convolution": frozenset({"convolution"}),
    "matrix product": frozenset({"dot", "ragged-dot"}),
    "communication": frozenset(name + end for name in _COMMUNICATION for end in ("", "-start", "-done")),
    "window reduction": frozenset({"reduce-window", "select-and-scatter"}),
    "sort": frozenset({"sort"}),
    "reduction": frozenset({"reduce"}),
    "gather": frozenset({"gather"}),
    "scatter": frozenset({"scatter"}),
    "random numbers": frozenset({"rng-bit-generator", "rng"}),
}
_LOOPS = frozenset({"while", "call", "conditional"})  # their own time is what starting the others takes
# In the names of libraries' functions:
_LIBRARIES = {"convolution": ("conv",), "matrix product": ("gemm", "matmul", "dot", "product")}


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One line of a program."""

    name: str
    opcode: str
    op_name: str  # jax's, of what it came from; "" if it does not say
    target: str  # the function that a custom call goes to
    called: tuple[int, ...]  # computations
    number: int
    operands: tuple[int, ...]  # numbers of instructions


@dataclasses.dataclass(frozen=True)
class Meaning:
    """What an operation does, and where it came from."""

    kind: str
    source: Source
    holds_others: bool  # a loop or a call, which lasts as long as what runs in it


class Program:
    """One compiled program."""

    def __init__(self, module: memoryview) -> None:
        self._computations: dict[int, dict[int, Instruction]] = {}
        for number, value in fields(module):
            if number == 3:  # HloModuleProto.computations
                identity, instructions = _computation(value)
                self._computations[identity] = instructions
        self._places = {i.name: c for c, content in self._computations.items() for i in content.values()}
        self._named = {i.name: i for content in self._computations.values() for i in content.values()}
        self._plain = {_plain(name): name for name in self._named}

    def find(self, names: tuple[str, ...]) -> str | None:
        """Returns the instruction that has one of these names, the first that fits.

        Kernels on a GPU are named after their instruction, with "_" for what no name of a function may hold.
        """
        exact = [name for name in names if name in self._named]
        return exact[0] if exact else next((self._plain[_plain(n)] for n in names if _plain(n) in self._plain), None)

    @functools.cache  # noqa: B019 - a program lives as long as its trace is read
    def meaning(self, name: str) -> Meaning:
        """Returns what is known of an instruction."""
        instruction = self._named[name]
        inside = list(self._inside(instruction))
        kind, main = _kind(inside)
        own = [i.op_name for i in (main, instruction, *inside) if i is not None]
        op_name = next(filter(None, own), "") or self._nearby(instruction)
        return Meaning(kind, source_of(op_name), instruction.opcode in _LOOPS)

    def _inside(self, instruction: Instruction) -> Iterator[Instruction]:
        """Yields an instruction and, if it is a fusion, what was fused."""
        yield instruction
        if instruction.opcode == "fusion":
            for computation in instruction.called:
                for inner in self._computations.get(computation, {}).values():
                    yield from self._inside(inner)

    def _nearby(self, instruction: Instruction) -> str:
        """Returns the origin of the nearest instruction that uses this one's result, or else of what it uses.

        What the compiler has put in has no origin of its own; the gradients of kernels are among that on a CPU.
        """
        content = self._computations[self._places[instruction.name]]
        users: dict[int, list[int]] = {}
        for other in content.values():
            for operand in other.operands:
                users.setdefault(operand, []).append(other.number)
        operands = {number: list(i.operands) for number, i in content.items()}
        return next(filter(None, (_nearest(content, instruction.number, way) for way in (users, operands))), "")


def _nearest(content: dict[int, Instruction], start: int, neighbours: dict[int, list[int]]) -> str:
    seen, waiting = {start}, deque([start])
    while waiting:
        number = waiting.popleft()
        if content[number].op_name:
            return content[number].op_name
        new = [n for n in neighbours.get(number, ()) if n not in seen and n in content]
        seen.update(new)
        waiting.extend(new)
    return ""


def _kind(inside: list[Instruction]) -> tuple[str, Instruction | None]:
    """Returns the kind of an operation, and the instruction in it that makes it so, if it is one."""
    for kind, opcodes in _KINDS.items():
        for instruction in inside:
            if instruction.opcode in opcodes:
                return kind, instruction
    first = inside[0]
    if first.opcode in _LOOPS:
        return "loop", first
    if first.opcode == "custom-call":
        target = first.target.lower()
        named = (kind for kind, words in _LIBRARIES.items() if any(word in target for word in words))
        return next(named, "library call"), first
    return ("copy" if all(i.opcode in _MOVES | {"fusion"} for i in inside) else "elementwise"), None


def read_programs(file: Path) -> dict[int, Program]:
    """Returns the programs in a trace, an .xplane.pb, by the numbers that its events have for them."""
    modules: dict[int, memoryview] = {}
    for number, plane in fields(memoryview(file.read_bytes())):
        if number == 1 and _PLANE in (text(v) for n, v in fields(plane) if n == 2):  # XSpace.planes, XPlane.name
            modules |= _modules(plane)
    return {program: Program(module) for program, module in modules.items()}


def _modules(plane: memoryview) -> dict[int, memoryview]:
    """Returns the serialized programs of the plane that has them."""
    content = list(fields(plane))
    names = dict(_entry(value) for number, value in content if number == 5)  # XPlane.stat_metadata
    found = {}
    for event in (_value(value) for number, value in content if number == 4):  # XPlane.event_metadata
        stats = [dict(fields(value)) for number, value in fields(event) if number == 5]  # XEventMetadata.stats
        by_name = {names[stat[1]]: stat for stat in stats}  # XStat.metadata_id
        hlo, program = by_name.get("Hlo Proto"), by_name.get("program_id")
        if hlo is not None and program is not None:
            module = next(value for number, value in fields(hlo[6]) if number == 1)  # HloProto.hlo_module
            found[program.get(3, program.get(4))] = module  # as an unsigned or a signed number
    return found


def _value(entry: Value) -> memoryview:
    """Returns the value of an entry of a map."""
    return dict(fields(entry))[2]


def _entry(entry: Value) -> tuple[int, str]:
    """Returns the number and the name of an entry of XPlane.stat_metadata."""
    content = dict(fields(_value(entry)))
    return content[1], text(content.get(2, memoryview(b"")))


def _computation(message: Value) -> tuple[int, dict[int, Instruction]]:
    """Returns the number of an HloComputationProto, and its instructions by their numbers."""
    identity, instructions = 0, {}
    for number, value in fields(message):
        if number == 2:
            instruction = _instruction(value)
            instructions[instruction.number] = instruction
        elif number == 5:
            identity = value
    return identity, instructions


def _instruction(message: Value) -> Instruction:
    """Reads an HloInstructionProto."""
    texts, called, operands, identity, op_name = {1: "", 2: "", 28: ""}, [], [], 0, ""
    for number, value in fields(message):
        if number in texts:
            texts[number] = text(value)
        elif number == 7:  # OpMetadata, with op_name
            op_name = next((text(v) for n, v in fields(value) if n == 2 and not _of_argument(text(v))), "")
        elif number == 35:
            identity = value
        elif number == 36:
            operands += numbers(value)
        elif number == 38:
            called += numbers(value)
    return Instruction(texts[1], texts[2], op_name, texts[28], tuple(called), identity, tuple(operands))


def _of_argument(op_name: str) -> bool:
    """Whether this is the name of an argument of the program, "state.params['kernel']", and says of no operation."""
    return "[" in op_name and "/" not in op_name


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name)
