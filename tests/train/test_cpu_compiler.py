"""What the compiler for CPUs is told, and that it does so."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from deepvision import ops
from deepvision.train import cpu_compiler

BARRIERS = "--xla_disable_hlo_passes=cse_barrier_expander,optimization_barrier_expander"
EIGEN = "--xla_cpu_experimental_ynn_fusion_type=-individual_convolution"


@pytest.mark.parametrize(
    "version, before, after",
    [
        ("0.10.2", "", f"{BARRIERS} {EIGEN}"),
        ("0.11.0rc1", "--xla_cpu_use_onednn=false", f"--xla_cpu_use_onednn=false {BARRIERS} {EIGEN}"),
        ("0.11.2", f"{BARRIERS} {EIGEN}", f"{BARRIERS} {EIGEN}"),
        ("0.10.2", "--xla_disable_hlo_passes=cse", f"--xla_disable_hlo_passes=cse {EIGEN}"),
        ("0.10.1", "", BARRIERS),
        ("0.12.0", "", BARRIERS),
    ],
)
def test_options_are_added_to_those_of_the_user(version, before, after, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("XLA_FLAGS", before)
    monkeypatch.setattr(cpu_compiler.importlib.metadata, "version", lambda package: version)
    cpu_compiler.set_options()
    assert cpu_compiler.os.environ["XLA_FLAGS"] == after


def test_doubles_are_left_to_the_compiler(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("XLA_FLAGS", "")
    cpu_compiler.set_options(doubles=True)
    assert cpu_compiler.os.environ["XLA_FLAGS"] == BARRIERS


def test_compilers_for_accelerators_are_told_nothing(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(cpu_compiler.importlib.util, "find_spec", lambda name: object() if name == "libtpu" else None)
    cpu_compiler.set_options()
    assert cpu_compiler.os.environ["XLA_FLAGS"] == ""


def test_no_sum_along_a_chain_is_computed_twice():
    """Without barriers the last sum would be a program of all the sums before it."""

    def chain(x):
        for _ in range(6):
            x = ops.materialize(x + jnp.tanh(x @ x))
        return x

    compiled = jax.jit(chain).lower(jnp.ones((8, 8))).compile().as_text()
    programs = compiled.split("\n\n")
    sums = [program.count(" add(") for program in programs if "fused_computation" in program.split("(")[0]]
    assert (max(sums), sum(sums)) == (1, 6)
