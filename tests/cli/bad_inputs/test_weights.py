"""Files of weights: whatever they hold, nothing in them runs, and what does not fit is refused before it is used."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepvision import checks
from deepvision.cli import predict_classes
from tests.cli.bad_inputs.asking import ask, assert_refused, digest
from tests.goldens import fill

NETWORK = "lenet5_modern"
STABLE = settings(derandomize=True, deadline=None, database=None)
Arrays = dict[str, np.ndarray]


@functools.cache
def good() -> Arrays:
    return fill.golden(NETWORK).weights


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory):
    """A folder with good weights and an image; nothing is predicted, so that good weights too are answered at once."""
    folder = tmp_path_factory.mktemp("weights")
    np.savez(folder / "good.npz", **good())
    safetensors.numpy.save_file(good(), folder / "good.safetensors")
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(folder / "image.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict_classes, "show", lambda files, predictor, top: 0)
        yield folder


def words(folder: Path, file: Path) -> tuple[object, ...]:
    return ("predict", "--model", NETWORK, "--weights", file, folder / "image.png")


def refused(folder: Path, file: Path, says: str = "") -> None:
    line = assert_refused(*words(folder, file), says=says, kept=folder)
    assert file.name in line or NETWORK in line, "the line says where"


class Malicious:
    """Unpickled, it makes a file."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self):
        return os.mkdir, (str(self.made),)


def npz(arrays: Arrays) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def npy_claiming(shape: tuple[int, ...], data: bytes = bytes(16)) -> bytes:
    """Returns a .npy whose header claims a shape, whatever follows."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return out.getvalue() + data


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """Returns a .safetensors with such a header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str, shape: list[int], size: int) -> dict[str, object]:
    return {"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}


def changed(change: Callable[[Arrays], object]) -> Arrays:
    arrays = dict(good())
    change(arrays)
    return arrays


TERABYTES = 2**38
NPZ = {
    "empty": (lambda: b"", "cannot read"),
    "text": (lambda: b"no archive", "cannot read"),
    "an array alone": (lambda: npy_claiming((4,)), "cannot read"),
    "no members": (lambda: zipped({}), "missing"),
    "no arrays": (lambda: zipped({"readme.txt": b"hello"}), "an archive without arrays"),
    "nested folders": (lambda: zipped({"a/b/conv1.weight.npy": npy_claiming((4,))}), "left over: a/b/conv1.weight"),
    "a path that escapes": (lambda: zipped({"../../evil.npy": npy_claiming((4,))}), "left over: ../../evil"),
    "a broken header": (lambda: zipped({"x.npy": b"\x93NUMPY\x01\x00\x05\x00{'de"}), "cannot read"),
    "no header": (lambda: zipped({"x.npy": b"1234"}), "cannot read"),
    "code in a header": (lambda: zipped({"x.npy": npy_claiming((4,)).replace(b"(4,)", b"f()")}), "cannot read"),
    "terabytes claimed": (lambda: zipped({"x.npy": npy_claiming((TERABYTES,))}), "claims 1,099,511,627,776 bytes"),
    "a negative shape": (lambda: zipped({"x.npy": npy_claiming((-4,))}), "claims -16 bytes"),
    "more than claimed": (lambda: zipped({"x.npy": npy_claiming((2,))}), "claims 8 bytes and holds 16"),
    "pickled objects": (lambda: npz({"x": np.array([{}], object)}), "pickled objects, which are not executed"),
    "words": (lambda: npz({"x": np.array(["a", "b"])}), "no array of real numbers"),
    "dates": (lambda: npz({"x": np.array(["2026-01-01"], "M8[D]")}), "no array of real numbers"),
    "structures": (lambda: npz({"x": np.zeros(3, [("a", "f4")])}), "no array of real numbers"),
    "complex numbers": (lambda: npz({"x": np.zeros(3, complex)}), "complex numbers"),
    "a nested archive": (lambda: zipped({"good.npz": npz(good())}), "an archive without arrays"),
    "another network": (lambda: npz({"fc.weight": np.zeros((10, 512), np.float32)}), "missing: "),
    "a name missing": (lambda: npz(changed(lambda a: a.pop("fc3.bias"))), "missing: fc3.bias"),
    "a name too many": (lambda: npz(changed(lambda a: a.update(x=np.zeros(3)))), "left over: x"),
    "a name twice over": (lambda: npz({f"model.{k}": v for k, v in good().items()}), "missing: "),
    "a shape": (lambda: npz(changed(lambda a: a.update({"fc3.weight": np.zeros((10, 85))}))), "misshaped: fc3.weight"),
    "a scalar": (lambda: npz(changed(lambda a: a.update({"fc3.weight": np.zeros(())}))), "misshaped"),
    "nothing in it": (lambda: npz(changed(lambda a: a.update({"fc3.weight": np.zeros((0, 84))}))), ""),
    "not a number": (lambda: npz(changed(lambda a: a.update({"fc3.bias": np.full(10, np.nan)}))), "not finite numbers"),
    "infinity": (lambda: npz(changed(lambda a: a.update({"fc3.bias": np.full(10, np.inf)}))), "not finite numbers"),
    "beyond 32 bits": (
        lambda: npz(changed(lambda a: a.update({"fc3.bias": np.full(10, 1e300)}))),
        "not finite numbers",
    ),
}
SAFETENSORS = {
    "empty": (lambda: b"", "cannot read"),
    "text": (lambda: b"no tensors here", "cannot read"),
    "a header of terabytes": (lambda: tensors({}, length=2**42), "cannot read"),
    "no JSON": (lambda: tensors(b"{'x': 1}"), "cannot read"),
    "a deep header": (lambda: tensors(b"[" * 5000), "cannot read"),
    "a list": (lambda: tensors([]), "cannot read"),
    "nothing": (lambda: tensors({}), "missing: "),
    "terabytes claimed": (lambda: tensors(entry("F32", [TERABYTES], 4 * TERABYTES)), "cannot read"),
    "sizes that overflow": (lambda: tensors(entry("F32", [2**62, 2**62], 16), bytes(16)), "cannot read"),
    "less than claimed": (lambda: tensors(entry("F32", [4], 16), bytes(12)), "cannot read"),
    "more than claimed": (lambda: tensors(entry("F32", [4], 16), bytes(20)), "cannot read"),
    "another size": (lambda: tensors(entry("F32", [5], 16), bytes(16)), "cannot read"),
    "a negative shape": (lambda: tensors(entry("F32", [-4], 16), bytes(16)), "cannot read"),
    "an unknown type": (lambda: tensors(entry("F33", [4], 16), bytes(16)), "cannot read"),
    "complex numbers": (lambda: tensors(entry("C64", [2], 16), bytes(16)), "complex numbers"),
    "another network": (lambda: tensors(entry("F32", [4], 16), bytes(16)), "left over: x"),
    "not a number": (
        lambda: safetensors.numpy.save(changed(lambda a: a.update({"fc3.bias": np.full(10, np.nan, np.float32)}))),
        "not finite numbers",
    ),
}
CASES = [(".npz", name, *case) for name, case in NPZ.items()]
CASES += [(".safetensors", name, *case) for name, case in SAFETENSORS.items()]


@pytest.mark.parametrize(("suffix", "name", "made", "says"), CASES, ids=[f"{c[0]} {c[1]}" for c in CASES])
def test_bad_weights_are_refused(place: Path, tmp_path: Path, suffix: str, name: str, made: Callable, says: str):
    file = tmp_path / f"bad{suffix}"
    file.write_bytes(made())
    refused(place, file, says)


@pytest.mark.parametrize("name", ["weights", "weights.h5", "weights.npy", "nowhere.npz", "folder.npz", "pipe.npz"])
def test_what_is_no_file_of_weights_is_refused(place: Path, tmp_path: Path, name: str):
    (tmp_path / "folder.npz").mkdir()
    os.mkfifo(tmp_path / "pipe.npz")  # to be opened, it would be waited for
    refused(place, tmp_path / name)


@given(data=st.binary(max_size=200), suffix=st.sampled_from((".npz", ".safetensors")), start=st.booleans())
@settings(STABLE, max_examples=30)
def test_random_bytes_are_refused(place: Path, data: bytes, suffix: str, start: bool):
    file = place / f"random{suffix}"
    file.write_bytes((place / f"good{suffix}").read_bytes()[:60] * start + data)
    refused(place, file)


@given(share=st.floats(0, 1, exclude_max=True), suffix=st.sampled_from((".npz", ".safetensors")))
@settings(STABLE, max_examples=30)
def test_what_was_cut_short_is_refused(place: Path, share: float, suffix: str):
    whole, file = (place / f"good{suffix}").read_bytes(), place / f"cut{suffix}"
    file.write_bytes(whole[: int(share * len(whole))])
    refused(place, file)


@given(place_of=st.integers(0, 1500), bit=st.integers(0, 7), suffix=st.sampled_from((".npz", ".safetensors")))
@settings(STABLE, max_examples=30)
def test_a_flipped_bit_is_refused_or_changes_numbers_alone(place: Path, place_of: int, bit: int, suffix: str):
    data, file = bytearray((place / f"good{suffix}").read_bytes()), place / f"flipped{suffix}"
    data[place_of] ^= 1 << bit
    file.write_bytes(data)
    answer = ask(*words(place, file))
    assert (answer.status, len(answer.err.splitlines()), len(answer.errors)) in ((0, 0, 0), (2, 1, 1)), answer


def test_a_pickle_is_never_executed(place: Path, tmp_path: Path):
    made = tmp_path / "made"
    evil = np.array([Malicious(made)], object)
    pickle.loads(pickle.dumps(Malicious(made)))
    assert made.is_dir(), "it would"
    made.rmdir()
    files = {
        "array.npz": npz({"x": evil}),
        "raw.npz": zipped({"x.npy": pickle.dumps(Malicious(made))}),
        "whole.npz": pickle.dumps(Malicious(made)),
        "whole.safetensors": pickle.dumps(Malicious(made)),
        "whole.pth": pickle.dumps(Malicious(made)),
        "whole.pt": zipped({"archive/data.pkl": pickle.dumps(Malicious(made))}),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        refused(place, tmp_path / name)
        assert not made.exists()


def test_a_bomb_is_refused_before_it_is_unpacked(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checks, "machine_memory", lambda: 2**20)
    member = npy_claiming((2**22,), bytes(2**24))
    (tmp_path / "bomb.npz").write_bytes(zipped({"x.npy": member}, zipfile.ZIP_DEFLATED))
    assert (tmp_path / "bomb.npz").stat().st_size < 2**15
    refused(place, tmp_path / "bomb.npz", "would take 0.0 GiB")


class Tensor:
    """Stands in for that of torch."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __repr__(self) -> str:
        return f"Tensor{self.array.shape}"

    def detach(self) -> Tensor:
        return self

    def float(self) -> Tensor:
        return Tensor(self.array.astype(np.float32))

    def numpy(self) -> np.ndarray:
        return self.array


def torch_that_loads(content: object, seen: list[dict]) -> SimpleNamespace:
    def load(path: Path, **options: object) -> object:
        seen.append(options)
        if isinstance(content, Exception):
            raise content
        return content

    return SimpleNamespace(load=load, Tensor=Tensor)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.UnpicklingError("Weights only load failed.\nOn many lines"), "holds more than tensors"),
        (RuntimeError("PytorchStreamReader failed\nlocating file"), "holds more than tensors"),
        (IndexError("pop from empty list"), "holds more than tensors"),
        ([1, 2], "it holds a list, not a state dictionary"),
        (None, "it holds a NoneType"),
        ({"fc3.weight": [1.0]}, "'fc3.weight' is a list, not a tensor"),
        ({3: Tensor(np.zeros(2))}, "not a tensor with a name"),
        ({"state_dict": {"fc.weight": Tensor(np.zeros((10, 512)))}}, "left over: fc.weight"),
        ({"model": {"a": {"b": Tensor(np.zeros(2))}}}, "'a' is a dict, not a tensor"),
    ],
    ids=str,
)
@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_torch_reads_weights_only(place, tmp_path, monkeypatch, content: object, says: str, suffix: str):
    seen: list[dict] = []
    monkeypatch.setitem(__import__("sys").modules, "torch", torch_that_loads(content, seen))
    (tmp_path / f"bad{suffix}").write_bytes(b"a pickle")
    refused(place, tmp_path / f"bad{suffix}", says)
    assert seen == [{"map_location": "cpu", "weights_only": True}]


def test_good_weights_are_answered(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = digest(place)
    for suffix in (".npz", ".safetensors"):
        assert ask(*words(place, place / f"good{suffix}")).status == 0
    state = {name: Tensor(array) for name, array in good().items()}
    monkeypatch.setitem(__import__("sys").modules, "torch", torch_that_loads({"state_dict": state}, []))
    (tmp_path / "good.pth").write_bytes(b"a pickle")
    assert ask(*words(place, tmp_path / "good.pth")).status == 0
    assert digest(place) == before
