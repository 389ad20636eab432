"""A trace of a few steps: what its table says is so, and the run that was traced is the run that was not."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from deepvision.errors import UserError
from deepvision.train import clock, interruption
from deepvision.train.agenda import Agenda
from deepvision.train.profile import Profile, Summary
from deepvision.train.profile.account import Interval, attributed, clipped, covered, union
from deepvision.train.profile.programs import read_programs
from deepvision.train.profile.source import SEVERAL, source_of
from deepvision.train.profile.span import find_span
from deepvision.train.profile.summary import summarize
from deepvision.train.profile.trace import STEP, read_trace
from deepvision.train.run_folder import NO_PART_OF_A_RESULT
from tests.train.faults import Notes, assert_same_end, at, run, small_run
from tests.train.processes import start
from tests.train.small import small_config, train


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A residual network of which four steps were traced, and the times at which that began and ended."""
    folder, times = tmp_path_factory.mktemp("traced"), []
    start_trace, stop_trace = jax.profiler.start_trace, jax.profiler.stop_trace

    def starting(folder: Path, create_perfetto_trace: bool, profiler_options: jax.profiler.ProfileOptions) -> None:
        times.append(time.perf_counter())
        start_trace(folder, create_perfetto_trace=create_perfetto_trace, profiler_options=profiler_options)

    def stopping() -> None:
        times.append(time.perf_counter())
        stop_trace()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax.profiler, "start_trace", starting)
        patch.setattr(jax.profiler, "stop_trace", stopping)
        train(small_config(profile=4), folder)
    return folder, times


@pytest.fixture(scope="module")
def summary(traced: tuple[Path, list[float]]) -> Summary:
    return Summary.read(traced[0] / "profile")


def test_the_shares_of_operations_and_of_idle_time_are_the_whole_step(summary: Summary):
    assert 0 <= summary.idle < 1
    assert sum(o.share for o in summary.operations) + summary.idle == pytest.approx(1, abs=1e-6)
    assert sum(o.ms for o in summary.operations) == pytest.approx((1 - summary.idle) * summary.ms)
    assert sum(summary.kinds.values()) == pytest.approx(1 - summary.idle)
    assert list(summary.operations) == sorted(summary.operations, key=lambda o: -o.ms)


def test_every_convolution_is_found_in_its_layer_forward_and_backward(summary: Summary):
    """Of the first layer no gradient of the input is asked for."""
    found = [(o.layer, o.way) for o in summary.operations if o.kind == "convolution"]
    blocks = [f"layer{stage}_0/conv{which}/conv" for stage in (1, 2, 3) for which in (1, 2)]
    expected = [(layer, way) for layer in blocks for way in ("forward", "backward", "backward")]
    assert sorted(found) == sorted([*expected, ("conv1/conv", "forward"), ("conv1/conv", "backward")])
    assert {o.calls for o in summary.operations if o.kind == "convolution"} == {1.0}


def test_every_part_of_the_step_is_named(summary: Summary):
    layers = {o.layer for o in summary.operations}
    assert {
        "data",
        "loss",
        "optimizer",
        "metrics",
        "head/dense",
        "layer2_0/conv1/norm",
        "layer3_0/conv2/norm",
    } <= layers
    unknown = sum(o.share for o in summary.operations if not o.layer or o.kind == "unknown")
    assert unknown < 0.2 * (1 - summary.idle)


def test_whole_steps_after_the_first_dispatch_are_traced_and_nothing_is_compiled_meanwhile(
    traced: tuple[Path, list[float]], summary: Summary
):
    """With evaluations every 5 steps, the first four in a row are 2 to 5, and behind the fifth comes one."""
    _, (begun, ended) = traced
    assert (summary.first, summary.steps, summary.asked) == (5, 4, 4)
    assert summary.ms * 4 / 1e3 < ended - begun
    assert clock._compiled(begun, ended) == 0
    assert clock._compiled(begun - 60, begun) > 0, "it would have been noticed"


def test_the_trace_can_be_opened_and_gives_the_table_again(traced: tuple[Path, list[float]], summary: Summary):
    folder = traced[0] / "profile"
    (file,) = folder.glob("plugins/profile/*/*.xplane.pb")
    assert (folder / "perfetto_trace.json.gz").stat().st_size > 1000
    assert summarize(read_trace(file), read_programs(file), 4, 5, 4) == summary
    page = (folder / "operations.md").read_text()
    assert f"| `{summary.operations[0].operation}` | " in page
    assert f"idle for {100 * summary.idle:.2f} %" in page


def test_a_traced_run_ends_in_the_same_bits(traced: tuple[Path, list[float]], tmp_path: Path):
    result = train(small_config(), tmp_path)
    assert_same_end(traced[0], tmp_path)
    assert not (tmp_path / "profile").exists()
    assert result["best"], "it was evaluated"
    assert "profile" in NO_PART_OF_A_RESULT


def test_replicas_in_turn_and_several_steps_per_dispatch(tmp_path: Path):
    """Three steps are asked for, and make two dispatches of two; each replica runs an operation of its own program."""
    config = small_run(profile=3, train__scan_steps=2, train__log_every_steps=10, train__checkpoint_every_steps=10)
    assert any("traced steps 3 to 6" in note for note in run(config, tmp_path, seeds=(0, 1)))
    summary = Summary.read(tmp_path / "profile")
    assert (summary.first, summary.steps, summary.asked) == (2, 4, 3)
    products = {(o.layer, o.way): o.calls for o in summary.operations if o.kind == "matrix product"}
    assert products["head", "forward"] == pytest.approx(1.0), "two replicas, each in one of the two steps of a dispatch"


def test_a_run_that_goes_on_is_traced_behind_where_it_was_stopped_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    reference, folder = tmp_path / "reference", tmp_path / "run"
    config = small_run(train__eval_every_epochs=2.0, train__checkpoint_every_steps=20)
    run(config, reference)
    with monkeypatch.context() as patch, interruption.listening(), pytest.raises(interruption.Interrupted):
        at(patch, "step 7", interruption.request)
        run(config, folder)
    assert not (folder / "profile").exists()
    config.profile = 3
    with monkeypatch.context() as patch, interruption.listening(), pytest.raises(interruption.Interrupted):
        at(patch, "step 10", interruption.request)
        run(config, folder)
    assert not (folder / "profile").exists(), "a trace under way is dropped"
    with monkeypatch.context() as patch, interruption.listening(), pytest.raises(interruption.Interrupted):
        at(patch, "step 18", interruption.request)
        run(config, folder)
    before = (folder / "profile" / "operations.json").read_bytes()
    assert Summary.read(folder / "profile").first == 11
    run(config, folder)  # two steps are left: too few, were there not a trace
    assert (folder / "profile" / "operations.json").read_bytes() == before
    assert_same_end(folder, reference)


def test_a_run_that_falls_back_is_traced_from_there(tmp_path: Path):
    profile, state = Profile(2, tmp_path, FakeAgenda(total=20), Notes().note), jnp.ones(3)
    profile.plan(0)
    for step in range(3):
        profile.at(step, state)
    assert profile._tracing
    profile.plan(0)
    assert not profile._tracing
    assert not (tmp_path / "profile").exists()
    function = jax.jit(lambda x: x + 1)
    for step in range(4):
        state = function(state)
        profile.at(step, state)
    assert Summary.read(tmp_path / "profile").first == 0, "the program has been compiled before"


def test_too_few_steps_are_refused_in_a_line(tmp_path: Path):
    with pytest.raises(UserError, match=r"^profile = 9: after the first dispatch at step 0 .* \(every 5 steps, .*$"):
        run(small_run(profile=9), tmp_path)
    assert not (tmp_path / "profile").exists()


def test_of_several_processes_the_first_traces_its_devices(tmp_path: Path):
    for process in start("trace", tmp_path, processes=2, devices=2):
        assert process.returncode == 0, process.stderr
    summary = Summary.read(tmp_path / "profile")
    assert summary.devices == 2
    products = {o.calls for o in summary.operations if o.kind == "matrix product"}
    assert products == {2.0}, "of two replicas, which take turns"
    assert sum(o.share for o in summary.operations) + summary.idle == pytest.approx(1, abs=1e-6)
    assert len(list(tmp_path.rglob("*.xplane.pb"))) == 1


class FakeAgenda(Agenda):
    """Of any intervals."""

    def __init__(self, total: int, log: int = 100, evaluate: int = 100, save: int = 100, scan: int = 1) -> None:
        self.total, self.log_every, self.eval_every, self.save_every, self.scan_steps = total, log, evaluate, save, scan


@pytest.mark.parametrize("seed", range(200))
def test_what_is_traced_has_run_before_and_is_not_interrupted(seed: int):
    draw = random.Random(seed)
    agenda = FakeAgenda(draw.randint(1, 90), *(draw.randint(1, 30) for _ in range(3)), scan=draw.randint(1, 12))
    start, steps = draw.randint(0, agenda.total), draw.randint(1, 15)
    at, sizes = start, []  # the steps at which dispatches begin, and how many each makes
    while at < agenda.total:
        sizes.append((at, agenda.dispatch(at)))
        at += sizes[-1][1]
    pauses = {step for step in range(agenda.total + 1) if agenda.evaluates(step) or agenda.saves(step)}

    def good(first: int, last: int) -> bool:
        before = {size for at, size in sizes if at < first}
        ready = all(size in before for at, size in sizes if first <= at < last)
        return ready and not pauses & set(range(first + 1, last + 1))

    edges = [at for at, _ in sizes]
    possible = [(a, b) for a in edges for b in edges if b - a >= steps and good(a, b)]
    if possible:
        first, last = find_span(agenda, start, steps, set())
        assert (first, last) in possible
        assert last == min(b for _, b in possible)
    else:
        with pytest.raises(UserError, match=f"profile = {steps}: "):
            find_span(agenda, start, steps, set())


def test_the_union_of_intervals():
    nested = [Interval(0, 10), Interval(2, 3), Interval(20, 25), Interval(9, 12), Interval(25, 26), Interval(30, 30)]
    assert union(nested) == [Interval(0, 12), Interval(20, 26)]
    assert covered(nested) == 18
    assert covered([]) == 0
    assert covered(clipped(interval, Interval(5, 22)) for interval in nested) == 9


@pytest.mark.parametrize("seed", range(30))
def test_the_time_of_all_operations_together_is_that_in_which_any_ran(seed: int):
    """Against a count, unit of time by unit of time."""
    draw = random.Random(seed)
    runs = []
    for _ in range(draw.randint(0, 12)):
        begin = draw.randint(0, 40)
        runs.append((Interval(begin, begin + draw.randint(0, 15)), draw.choice("abcd"), draw.random() < 0.3))
    expected: dict[str, float] = {}
    for unit in range(60):
        running = [(key, holds) for (begin, end), key, holds in runs if begin <= unit < end]
        shares = [key for key, holds in running if not holds] or [key for key, _ in running]
        for key in shares:
            expected[key] = expected.get(key, 0) + 1 / len(shares)
    assert attributed(runs) == pytest.approx(expected)
    assert sum(attributed(runs).values()) == pytest.approx(covered(interval for interval, _, _ in runs))


@pytest.mark.parametrize(
    ("name", "layer", "way"),
    [
        ("jit(f)/jvp(ResNet)/ResNet._stem/conv1/conv1._transform/conv/conv_general_dilated", "conv1/conv", "forward"),
        ("jit(f)/transpose(jvp(MLP))/head/dot_general", "head", "backward"),
        ("jit(f)/while/body/closed_call/vmap(jvp(MLP))/fc1/dense/dot_general", "fc1/dense", "forward"),
        (
            "jit(f)/transpose(jvp(ViT))/checkpoint/rematted_computation/block_0/mlp/jit(gelu)/mul",
            "block_0/mlp",
            "backward",
        ),
        ("jit(f)/jvp(loss)/jit(log_softmax)/sub", "loss", "forward"),
        ("jit(f)/optimizer/mul;jit(f)/shard_map", "optimizer", ""),
        ("jit(f)/vmap(jit(_randint))/rem", "randint", ""),
        ("jit(f)/psum", "psum", ""),
        ("jit(f)/(psum:psum:jvp(MLP)/fc1/norm/psum)", SEVERAL, ""),
        ("", "", ""),
    ],
)
def test_the_origin_of_an_operation(name: str, layer: str, way: str):
    assert source_of(name)[:2] == (layer, way)


def _message(number: int, content: bytes) -> bytes:
    length, head = len(content), bytes([number << 3 | 2])
    while length > 127:
        head += bytes([length & 127 | 128])
        length >>= 7
    return head + bytes([length]) + content


def test_kernels_on_the_streams_of_a_gpu_are_operations_of_their_program(tmp_path: Path):
    """A trace written by hand as XLA's collector for CUDA does: kernels with the operation and the program they are of.

    In 10 us, two streams run from 1 to 5 and from 4 to 8, and a copy from 8 to 9: two are idle.
    """
    compiled = jax.jit(lambda x: jnp.tanh(x @ x)).lower(jnp.ones((32, 32))).compile()
    (module,) = compiled.runtime_executable().hlo_modules()
    (product,) = re.findall(r"%?([\w.-]+) = \S+ dot\(", module.to_string())
    program = "".join(f"\\{byte:03o}" for byte in _message(1, module.as_serialized_hlo_module_proto()))
    text = f'''
    planes {{ name: "/host:metadata"
      stat_metadata {{ key: 1 value {{ id: 1 name: "Hlo Proto" }} }}
      stat_metadata {{ key: 2 value {{ id: 2 name: "program_id" }} }}
      event_metadata {{ key: 1 value {{ id: 1 name: "jit_f(7)"
        stats {{ metadata_id: 1 bytes_value: "{program}" }} stats {{ metadata_id: 2 uint64_value: 7 }} }} }} }}
    planes {{ name: "/host:CPU" event_metadata {{ key: 1 value {{ id: 1 name: "{STEP}" }} }}
      lines {{ name: "python" events {{ metadata_id: 1 duration_ps: 4000000 }}
        events {{ metadata_id: 1 offset_ps: 4000000 duration_ps: 6000000 }} }} }}
    planes {{ name: "/device:GPU:0"
      stat_metadata {{ key: 1 value {{ id: 1 name: "hlo_op" }} }}
      stat_metadata {{ key: 2 value {{ id: 2 name: "program_id" }} }}
      stat_metadata {{ key: 3 value {{ id: 3 name: "{product}" }} }}
      event_metadata {{ key: 1 value {{ id: 1 name: "ampere_sgemm_64x64" }} }}
      event_metadata {{ key: 2 value {{ id: 2 name: "{product.replace(".", "_")}" }} }}
      event_metadata {{ key: 3 value {{ id: 3 name: "MemcpyH2D" }} }}
      lines {{ name: "Stream #1(Compute)" events {{ metadata_id: 1 offset_ps: 1000000 duration_ps: 4000000
        stats {{ metadata_id: 1 ref_value: 3 }} stats {{ metadata_id: 2 uint64_value: 7 }} }} }}
      lines {{ name: "Stream #2(Compute,MemcpyH2D)"
        events {{ metadata_id: 2 offset_ps: 4000000 duration_ps: 4000000
          stats {{ metadata_id: 1 str_value: "command_buffer" }} stats {{ metadata_id: 2 uint64_value: 7 }} }}
        events {{ metadata_id: 3 offset_ps: 8000000 duration_ps: 1000000 }} }}
      lines {{ name: "XLA Modules" events {{ metadata_id: 3 duration_ps: 9000000 }} }} }}
    '''
    file = tmp_path / "by_hand.xplane.pb"
    file.write_bytes(jax.profiler.ProfileData.text_proto_to_serialized_xspace(text))
    summary = summarize(read_trace(file), read_programs(file), 2, 0, 2)
    assert summary.idle == pytest.approx(0.2)
    assert summary.ms == pytest.approx(0.005)
    assert [(o.operation, o.kind, o.calls) for o in summary.operations] == [
        (product, "matrix product", 1.0),
        ("MemcpyH2D", "copy", 0.5),
    ]
    assert [o.share for o in summary.operations] == pytest.approx([0.7, 0.1])
