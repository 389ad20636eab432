"""The modes of `parallel.mode`, and the devices that a run takes."""

from __future__ import annotations

import jax

from deepvision.errors import UserError, unknown
from deepvision.train import distributed
from deepvision.train.parallel.copies import Copies
from deepvision.train.parallel.devices import Devices
from deepvision.train.parallel.shards import Shards

MODES = {"pmap": Copies, "fsdp": Shards}


def pick_devices(count: int, batch_size: int, mode: str) -> Devices:
    """Returns the first `count` devices of every process (0: all), of which the batch must be a multiple.

    Raises:
        UserError: there is no such mode or it does not work here, there are fewer devices, or the batch does not divide
            over them.
    """
    if mode not in MODES:
        raise unknown("parallel.mode", mode, MODES)
    if mode == "fsdp" and distributed.count() > 1 and jax.default_backend() == "cpu":
        raise UserError(
            "parallel.mode = 'fsdp' over several processes needs GPUs or TPUs: between processes on CPUs, XLA mixes up"
            " what devices send at the same time; take one process, or 'pmap'"
        )
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    by_process = [[d for d in devices if d.process_index == process] for process in range(distributed.count())]
    fewest = min(map(len, by_process))
    if count > fewest:
        raise UserError(f"parallel.devices = {count}, but there are {fewest} in a process: {by_process[0]}")
    if not count and fewest < max(map(len, by_process)):
        numbers = [len(of_one) for of_one in by_process]
        raise UserError(f"the processes have different numbers of devices, {numbers}: set parallel.devices")
    devices = [device for of_one in by_process for device in of_one[: count or fewest]]
    if batch_size % len(devices):
        raise UserError(f"a batch of {batch_size} does not divide over {len(devices)} devices")
    return MODES[mode](devices)
