"""TensorBoard is given what metrics.jsonl holds, and a disk that is full is no reason to wait."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from deepvision.train.events import Events
from tests.train.faults import no_room, run, small_run


def read(folder: Path) -> Iterator[Event]:
    """Yields the events of all files of a folder, in the order in which they were begun."""
    for file in sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns):
        data = file.read_bytes()
        while data:  # the length in 8 bytes and its checksum in 4, the event, its checksum in 4
            (length,) = struct.unpack("<Q", data[:8])
            yield Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]


def test_events_are_the_metrics_of_the_run(tmp_path: Path):
    run(small_run(), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    told = {
        (line["step"], f"{line['split']}/{name}/seed_{line['seed']}"): value
        for line in lines
        for name, value in line.items()
        if name not in ("step", "epoch", "split", "seed")
    }
    events = [event for event in read(tmp_path / "tensorboard") if event.HasField("summary")]
    shown = {(event.step, value.tag): value.simple_value for event in events for value in event.summary.value}
    assert shown == pytest.approx(told, rel=1e-6)


def test_a_file_that_goes_on_hides_what_came_after_its_first_step(tmp_path: Path):
    Events(tmp_path).close()
    events = Events(tmp_path, begin=5)
    events.scalars(5, {"train/loss/seed_0": 0.25})
    events.close()
    *_, start, loss = read(tmp_path)
    assert (start.step, start.session_log.status) == (5, SessionLog.START)
    assert (loss.step, loss.summary.value[0].simple_value) == (5, 0.25)
    assert len(list(tmp_path.iterdir())) == 2, "two in the same second"


def test_a_full_disk_is_an_error_at_once(tmp_path: Path):
    events = Events(tmp_path)
    with no_room() as fill, pytest.raises(OSError, match="File too large"):
        fill()
        for step in range(1000):
            events.scalars(step, {"train/loss/seed_0": 0.25})
