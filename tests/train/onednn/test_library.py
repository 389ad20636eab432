"""oneDNN is compiled once, and what is wrong with that is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepvision.errors import UserError
from deepvision.train import onednn
from deepvision.train.onednn import library


@pytest.fixture
def headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where the packages are installed, with an empty cache."""
    monkeypatch.setenv("DEEPVISION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(library, "version", lambda: "1.2.3")
    monkeypatch.setattr(library, "_file", lambda package, end: tmp_path / package / end.lstrip("/"))
    return tmp_path


def test_without_the_packages_nothing_changes_and_nothing_is_said(monkeypatch):
    monkeypatch.setattr(library, "LIBRARY", "no-such-package")
    assert library.version() is None
    assert onednn.use.__wrapped__() is None


def test_without_a_compiler_xla_goes_on(headers, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(headers))
    said = onednn.use.__wrapped__()
    assert said.startswith("convolutions are left to XLA, which is slower: no C++ compiler among c++, g++, clang++")
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "among no-such-compiler" in onednn.use.__wrapped__()


def test_what_the_compiler_says_is_one_line(headers, monkeypatch):
    compiler = headers / "broken"
    compiler.write_text("#!/bin/sh\necho 'here: fatal error: dnnl.hpp: No such file' >&2\necho more >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(UserError, match="cannot compile convolution.cc: here: fatal error: dnnl.hpp") as caught:
        library.load()
    assert "\n" not in str(caught.value)
    assert not list((headers / "cache" / "onednn").iterdir())


def test_what_cannot_be_loaded_is_said(headers, monkeypatch):
    compiler = headers / "empty"
    compiler.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n: >"$2"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(UserError, match="oneDNN cannot be loaded: .*file too short"):
        library.load()


def test_a_cache_that_cannot_be_written_is_said(headers, monkeypatch):
    (headers / "cache").write_text("a file")
    with pytest.raises(UserError, match="oneDNN cannot be loaded"):
        library.load()


def test_a_package_without_its_file_is_named():
    with pytest.raises(UserError, match="package numpy holds no /libdnnl.so.3: install it again"):
        library._file("numpy", "/libdnnl.so.3")
