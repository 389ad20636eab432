"""The clock counts what is between the first step and the last prediction, without what is compiled there."""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import pytest

from deepvision.train import clock as clock_lib
from deepvision.train.clock import Clock


def test_without_steps_or_predictions_there_is_no_work():
    clock = Clock()
    assert clock.of_work is None and clock.to_first_step is None
    clock.predicted()
    assert clock.of_work is None
    clock.steps()
    assert clock.of_work is not None


def test_work_and_compilation_make_up_the_time_between():
    """Also where compiled functions call others, whose tracing is a part of theirs."""
    clock = Clock()
    time.sleep(0.05)
    before = clock.to_compile
    started = time.perf_counter()
    clock.steps()
    inner = jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x))
    jax.block_until_ready(jax.jit(lambda x: inner(inner(x) + 1))(jnp.ones((8, 8))))
    time.sleep(0.1)
    clock.predicted()
    elapsed = time.perf_counter() - started
    compiled = clock.to_compile - before
    assert compiled > 0.001
    assert clock.of_work >= 0.1
    assert clock.of_work + compiled == pytest.approx(elapsed, abs=0.01)


def test_the_first_dispatch_is_the_first():
    clock = Clock()
    time.sleep(0.02)
    assert clock.stepped()
    first = clock.to_first_step
    assert first >= 0.02 and not clock.stepped() and clock.to_first_step == first < clock.total


def test_what_is_a_part_of_another_counts_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clock_lib, "_SPANS", [])
    for now, event, seconds in (
        (1.0, "/jax/core/compile/jaxpr_trace_duration", 0.5),
        (2.0, "/jax/core/compile/jaxpr_trace_duration", 0.3),
        (2.5, "/jax/core/compile/jaxpr_trace_duration", 2.0),
        (3.5, "/jax/core/compile/backend_compile_duration", 1.0),
        (9.0, "/jax/other", 5.0),
    ):
        monkeypatch.setattr(clock_lib.time, "perf_counter", lambda now=now: now)
        clock_lib._heard(event, seconds)
    assert clock_lib._compiled(0.0, 10.0) == pytest.approx(3.0)
    assert clock_lib._compiled(1.0, 3.0) == pytest.approx(2.0)


def test_what_a_cache_saved_counts_where_it_was_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clock_lib, "_SAVINGS", [])
    monkeypatch.setattr(clock_lib, "_SPANS", [])
    for now, event, seconds in (
        (1.0, "/jax/compilation_cache/compile_time_saved_sec", 3.0),
        (2.0, "/jax/compilation_cache/cache_retrieval_time_sec", 0.2),
        (3.0, "/jax/compilation_cache/compile_time_saved_sec", 0.5),
    ):
        monkeypatch.setattr(clock_lib.time, "perf_counter", lambda now=now: now)
        clock_lib._heard(event, seconds)
    assert clock_lib.saved(0.0, 4.0) == pytest.approx(3.5)
    assert clock_lib.saved(0.0, 2.0) == pytest.approx(3.0) and clock_lib.saved(1.5, 2.5) == 0
