"""What the tests share: the prepared digits, and a compilation cache of the test run's own."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder where data sets are prepared, for this process and those it starts."""
    folder = str(tmp_path_factory.getbasetemp().parent / "deepvision_data")
    os.environ["DEEPVISION_DATA"] = folder
    os.environ["DEEPVISION_CACHE"] = str(tmp_path_factory.getbasetemp().parent / "deepvision_cache")
    return folder
