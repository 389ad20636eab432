"""What the tests share: quick compilation, the prepared digits, and a compilation cache of the test run's own."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from deepvision.train import cpu_compiler, onednn

# A test runs what it compiles once or twice: less optimization is faster. jax reads this when it starts its backend,
# here and in the processes that tests start. At level 0 gradients of maxima come out as NaN.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
cpu_compiler.set_options(doubles=True)
onednn.use()
# A traced network is a great many objects, which the collector should not go through again and again.
gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session", autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder where data sets are prepared, for this process and those it starts."""
    folder = str(tmp_path_factory.getbasetemp().parent / "deepvision_data")
    os.environ["DEEPVISION_DATA"] = folder
    os.environ["DEEPVISION_CACHE"] = str(tmp_path_factory.getbasetemp().parent / "deepvision_cache")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _compiled_programs_go_with_their_file() -> Iterator[None]:
    """Lets go of what a file has traced and compiled: no other one needs it."""
    import jax

    yield
    jax.clear_caches()
    gc.collect()
