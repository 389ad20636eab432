"""The benchmark of scaling compares images per second and curves with those of one device."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from experiments.benchmarks import scaling
from experiments.benchmarks.scaling import STRONG, WEAK, Point

ARGUMENTS = argparse.Namespace(
    network="lenet5_modern", batch=8, devices=[1, 2], mode="pmap", steps=3, cores=1, rounds=2, seconds=0.01, real=False
)


def test_both_kinds_share_the_point_of_one_device():
    made = scaling.points([1, 2], 8)
    assert made[STRONG, 1] == made[WEAK, 1] == Point(1, 8)
    assert made[STRONG, 2] == Point(2, 8) and made[WEAK, 2] == Point(2, 16)
    assert scaling.references(list(made.values())) == [Point(1, 8), Point(1, 16)]


def test_a_process_has_the_devices_and_the_curve_of_one():
    curves = []
    for point in (Point(1, 8), Point(2, 8)):
        way = scaling.way_of(point, ARGUMENTS)
        curves.append(scaling.curve(way, 3))
        process, wall, loss = way.run(2)
        way.close()
        assert process > 0 and wall > 0
        assert way.losses == [*curves[-1], loss]
    assert 0 < scaling.difference(curves[1], curves[0]) < scaling.TOLERANCE, "rounding, which one device has not"


class _MadeUp:
    """Stands in for a process: twice as fast on two devices, but for the weak point's curve, which is another."""

    def __init__(self, point: Point) -> None:
        self.point, self.steps = point, 4

    def prepare(self, seconds: float) -> None:
        pass

    def run(self, steps: int) -> tuple[float, float, float]:
        seconds = steps * self.point.batch / 800 / self.point.devices
        return seconds, seconds, 1.0 + 0.01 * (self.point == Point(2, 16))

    def close(self) -> None:
        pass


def test_a_curve_that_differs_is_said_and_ends_with_an_error(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(scaling, "way_of", lambda point, arguments: _MadeUp(point))
    rows = {(row["scaling"], row["devices"]): row for row in scaling.measure(ARGUMENTS)}
    assert [rows[key]["speed_up"] for key in ((STRONG, 2), (WEAK, 2))] == pytest.approx([2.0, 2.0])
    assert rows[STRONG, 2]["difference"] == 0 and np.isclose(rows[WEAK, 2]["difference"], 0.01)
    words = ["scaling", "--batch", "8", "--devices", "1,2", "--seconds", "0.01", "--rounds", "2", "--out"]
    monkeypatch.setattr("sys.argv", [*words, str(tmp_path)])
    with pytest.raises(SystemExit, match="not that of one device"):
        scaling.main()
    assert "| weak | 2 | 16 | 1,600 | 2.00 | 1.0e-02 | NO |" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "scaling_pmap.json").read_text())["rows"]) == 4
