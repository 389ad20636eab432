"""From the pure step to the compiled program: replicas by `vmap`, steps by `scan`, devices in one of two ways.

    pmap    every device holds the whole state and computes the step of its part of the batch       (copies.py)
    fsdp    the state is cut over the devices, and one program sees the batches of all as one       (shards.py)

Both give the same curves, but for rounding, and go on from each other's checkpoints.
"""

from deepvision.train.parallel.compile import (
    AHEAD,
    compile_ensemble,
    compile_eval,
    compile_train,
    most_scan_steps,
    over_replicas,
    run_together,
)
from deepvision.train.parallel.devices import Devices, Feed, compile_once, part
from deepvision.train.parallel.host import to_host
from deepvision.train.parallel.modes import MODES, pick_devices

__all__ = [
    "AHEAD",
    "MODES",
    "Devices",
    "Feed",
    "compile_ensemble",
    "compile_eval",
    "compile_once",
    "compile_train",
    "most_scan_steps",
    "over_replicas",
    "part",
    "pick_devices",
    "run_together",
    "to_host",
]
