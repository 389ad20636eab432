"""What the compiler for CPUs is told, and that it does so."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from deepvision import ops
from deepvision.train import cpu_compiler

OURS = "--xla_disable_hlo_passes=cse_barrier_expander,optimization_barrier_expander"


@pytest.mark.parametrize(
    "platforms, before, after",
    [
        ("cpu", "", OURS),
        ("cpu", "--xla_cpu_use_onednn=false", f"--xla_cpu_use_onednn=false {OURS}"),
        ("cpu", OURS, OURS),
        ("cpu", "--xla_disable_hlo_passes=cse", "--xla_disable_hlo_passes=cse"),
    ],
)
def test_flags_are_added_to_those_of_the_user(platforms, before, after, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    monkeypatch.setenv("XLA_FLAGS", before)
    cpu_compiler.keep_barriers()
    assert cpu_compiler.os.environ["XLA_FLAGS"] == after


def test_compilers_for_accelerators_are_told_nothing(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(cpu_compiler.importlib.util, "find_spec", lambda name: object() if name == "libtpu" else None)
    cpu_compiler.keep_barriers()
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
