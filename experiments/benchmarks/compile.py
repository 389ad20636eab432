"""Time to trace and compile a train step (gradients and SGD, batch 8) of every ImageNet network, beside resnet50's.

    python -m experiments.benchmarks.compile [name or wildcard ...] [--out FOLDER]

Nothing runs, and nothing is read from a cache. A layer is a convolution or dense layer. Compilation uses all cores; the
CPU seconds say what it costs, whatever else the machine does. Every network is compiled in a process of its own. With
--out, results are written as compile.json and compile.md, beside what was measured there before, which is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

BASE = "resnet50"
HEADINGS = ("network", "layers", "trace s", "compile s", "CPU s", "CPU s per layer", f"per layer, times {BASE}'s")


def measure(name: str) -> dict[str, float]:
    """Returns the figures of one network."""
    import jax
    import jax.numpy as jnp
    import optax

    import deepvision as dv
    from deepvision.tasks import Classification
    from deepvision.train import start
    from deepvision.train.state import init_state
    from deepvision.train.step import make_train_step

    start.prepare()
    model, optimizer = dv.create_model(name), optax.sgd(0.1, momentum=0.9)
    layers = dv.describe(model, model.image_shape).count("kernel").total()
    images = jax.ShapeDtypeStruct((8, *model.image_shape), jnp.float32)
    state = jax.eval_shape(lambda x: init_state(0, model, optimizer, x, False, {}), images)
    batch = {
        "image": images,
        "label": jax.ShapeDtypeStruct((8,), jnp.int32),
        "weight": jax.ShapeDtypeStruct((8,), jnp.float32),
    }
    step = jax.jit(make_train_step(model, Classification(), optimizer))
    started, cpu = time.perf_counter(), time.process_time()
    lowered = step.lower(state, batch, jax.eval_shape(lambda: jax.random.key(0)))
    traced = time.perf_counter()
    lowered.compile()
    done = time.perf_counter()
    return {"layers": layers, "trace": traced - started, "compile": done - traced, "cpu": time.process_time() - cpu}


def in_process(name: str) -> dict[str, float]:
    """Returns the figures of one network from a process of its own."""
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    words = [sys.executable, "-m", "experiments.benchmarks.compile", "--one", name]
    run = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"{name}: {run.stderr.splitlines()[-1]}")
    return json.loads(run.stdout.splitlines()[-1])


def table(figures: dict[str, dict[str, float]]) -> str:
    """Returns the table in Markdown, the dearest per layer first."""

    def per_layer(name: str) -> float:
        return figures[name]["cpu"] / figures[name]["layers"]

    rows = [HEADINGS, ("---", *("---:",) * (len(HEADINGS) - 1))]
    for name in sorted(figures, key=per_layer, reverse=True):
        f = figures[name]
        numbers = [f"{f[key]:.1f}" for key in ("trace", "compile", "cpu")]
        relative = f"{per_layer(name) / per_layer(BASE):.2f}"
        rows.append((name, str(f["layers"]), *numbers, f"{per_layer(name):.3f}", relative))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    figures = read(arguments.out)
    for name in [name for name in names(arguments.patterns) if name not in figures]:
        figures[name] = in_process(name)
        print(name, {key: round(value, 1) for key, value in figures[name].items()}, flush=True)
        if arguments.out:
            write(arguments.out, figures)
    print(table(figures))


def names(patterns: list[str]) -> list[str]:
    """Returns resnet50 and the ImageNet networks that match."""
    from deepvision.models import create_model, list_models

    found = {name for pattern in patterns for name in list_models(pattern)}
    return sorted({BASE} | {name for name in found if create_model(name).num_classes == 1000})


def read(folder: Path | None) -> dict[str, dict[str, float]]:
    file = folder and folder / "compile.json"
    return json.loads(file.read_text())["networks"] if file and file.is_file() else {}


def write(folder: Path, figures: dict[str, dict[str, float]]) -> None:
    import jax

    command = "python -m experiments.benchmarks.compile --out FOLDER"
    where = {"machine": f"{os.cpu_count()} CPU cores", "jax": jax.__version__, "date": time.strftime("%Y-%m-%d")}
    folder.mkdir(parents=True, exist_ok=True)
    content = {"command": command, **where, "networks": dict(sorted(figures.items()))}
    (folder / "compile.json").write_text(json.dumps(content, indent=1) + "\n")
    header = f"`{command}`, {where['machine']}, jax {where['jax']}, {where['date']}\n\n"
    (folder / "compile.md").write_text(header + (table(figures) if BASE in figures else ""))


if __name__ == "__main__":
    main()
