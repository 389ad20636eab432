"""The benchmark of an accelerator, as far as a CPU goes: what it says of figures, and that it loses nothing."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.benchmarks import accelerator, accelerator_steps
from experiments.benchmarks.accelerator_checks import check_attention
from experiments.benchmarks.accelerator_steps import FLAX, OURS, PLAIN, TORCH
from experiments.benchmarks.peers import flax_networks
from experiments.benchmarks.peers.workload import GPU_WORKLOADS

KNOWN = {"operations": 790e10, "bytes": 4.3e9, "checks": []}


def options(**changed: object) -> argparse.Namespace:
    fields = {"networks": None, "ways": list(accelerator_steps.WAYS), "batch": 0, "dtype": "bfloat16", "rounds": 3}
    fields |= {"seconds": 0.0, "peak": 790.0, "bandwidth": 4.3, "small": False, "unit": 1, "device": "cpu"}
    return argparse.Namespace(**fields | changed)


@pytest.mark.parametrize(
    ("milliseconds", "held"),
    [((50.0, 60.0), ("held", "held")), ((60.0, 57.0), ("missed", "missed"))],
)
def test_rows_tell_shares_ratios_and_what_is_asked(milliseconds: tuple[float, float], held: tuple[str, str]):
    ours, torch = milliseconds
    times = {OURS: np.array([ours, ours, ours]) / 1e3, TORCH: np.array([torch, 2 * torch, torch]) / 1e3}
    made = accelerator_steps.rows(options(), GPU_WORKLOADS["resnet50"], KNOWN, times)
    assert made[0]["images_per_second"] == pytest.approx(256e3 / ours)
    assert made[0]["share"] == pytest.approx(10 / ours)
    assert (made[0]["floor_operations_ms"], made[0]["floor_bytes_ms"]) == pytest.approx((10, 1))
    assert made[1]["ratio"] == pytest.approx(torch / ours)
    assert made[1]["quartiles"] == pytest.approx([torch / ours, 1.5 * torch / ours])
    assert [row["asked"] for row in made] == [f"4,500 images/s: {held[0]}", f"1.0 of PyTorch: {held[1]}"]
    assert f"| resnet50, 256 | {OURS} | {256e3 / ours:,.0f} |" in accelerator_steps.table(made)


def test_only_ways_that_differ_take_part(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert accelerator_steps.chosen_ways(options(), KNOWN) == [OURS, FLAX]
    fused = {"checks": [{"what": "attention is one kernel of cuDNN", "holds": True}]}
    assert accelerator_steps.chosen_ways(options(), fused) == [OURS, PLAIN, FLAX]


def test_attention_is_compared_with_the_formula():
    (check,) = check_attention("vit_tiny_patch4_32", "bfloat16")
    assert check["holds"]
    assert not check_attention("resnet50", "bfloat16")


@pytest.mark.parametrize(
    ("network", "expected"), [("vit_small_patch16_224", 22_050_664), ("vit_base_patch16_224", 86_567_656)]
)
def test_the_peers_are_the_same_networks(network: str, expected: int):
    assert flax_networks.parameters(network, (224, 224, 3)) == expected


def test_plain_flax_computes_in_16_bits():
    """All products have operands of 16 bits, and all parameters 32."""
    model = flax_networks.NETWORKS["resnet50"](dtype="bfloat16")
    images = jax.ShapeDtypeStruct((2, 64, 64, 3), "float32")
    variables = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), images)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(variables)} == {"float32"}
    jaxpr = jax.make_jaxpr(lambda v, x: model.apply(v, x, train=True, mutable=["batch_stats"]))(variables, images)
    products = [e for e in jaxpr.eqns if e.primitive.name in ("dot_general", "conv_general_dilated")]
    assert len(products) == 54
    assert {v.aval.dtype.name for e in products for v in e.invars} == {"bfloat16"}


def test_a_small_network_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    words = ["--small", "--networks", "lenet5_modern", "--batch", "4", "--ways", "deepvision"]
    words += ["--rounds", "2", "--seconds", "0.05", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["accelerator_steps", *words])
    with pytest.raises(SystemExit) as ended:
        accelerator_steps.main()
    found = json.loads((tmp_path / "accelerator_lenet5_modern.json").read_text())
    assert not ended.value.code
    assert [check["holds"] for check in found["checks"]] == [True, True]
    assert [row["way"] for row in found["rows"]] == [OURS]
    assert found["operations"] > 0
    assert found["bytes"] > 0
    assert "lenet5_modern, 4" in (tmp_path / "accelerator_lenet5_modern.md").read_text()


def test_a_way_that_fails_does_not_lose_the_others(monkeypatch: pytest.MonkeyPatch):
    answers = (
        "import sys\nfor number, line in enumerate(sys.stdin): print(0.1, 0.2 * int(line), 9 - number, flush=True)"
    )
    scripts = {OURS: answers, FLAX: "raise SystemExit(3)"}
    monkeypatch.setattr(
        accelerator_steps, "command", lambda arguments, network, way, known: [sys.executable, "-c", scripts[way]]
    )
    times, checks = accelerator_steps.measure(options(ways=[OURS, FLAX]), "resnet50", {"unit": 2, "checks": []})
    assert list(times) == [OURS]
    np.testing.assert_allclose(times[OURS], 0.2)
    assert [check["holds"] for check in checks] == [False, True]
    assert "status 3" in checks[0]["what"]


def test_a_job_that_fails_does_not_lose_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    made = [
        accelerator.Job("broken", ("no_such_module",)),
        accelerator.Job("slow", ("timeit", "-n", "1", "-r", "1", "import time; time.sleep(60)")),
        accelerator.Job("whole", ("timeit", "-n", "1", "-r", "1", "pass")),
    ]
    monkeypatch.setattr(accelerator, "jobs", lambda arguments: made)
    words = ["--out", str(tmp_path), "--parts", "steps", "--minutes", "0.05"]
    monkeypatch.setattr(sys, "argv", ["accelerator", *words])
    with pytest.raises(SystemExit) as ended:
        accelerator.main()
    results = [row["result"] for row in json.loads((tmp_path / "summary.json").read_text())]
    assert ended.value.code == 1
    assert "No module named no_such_module" in results[0]
    assert results[1:] == ["failed: not done in 0.05 minutes", "done"]
    assert "| whole | done |" in capsys.readouterr().out


def test_all_parts_are_in_one_go(tmp_path: Path):
    arguments = options(out=tmp_path, data=Path("cifar10.npz"), parts=accelerator.PARTS, runs=50)
    names = [job.name for job in accelerator.jobs(arguments)]
    assert names == [
        *(f"accelerator_{network}" for network in GPU_WORKLOADS),
        *("replicas_lenet5_modern", "replicas_cifar_resnet20", "speedrun_full", "speedrun_muon"),
    ]
