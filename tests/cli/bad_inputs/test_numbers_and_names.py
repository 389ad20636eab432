"""Config fields: whatever is misspelled, or no number that means anything, is refused before anything is compiled."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvision.ablation.fields import field_names, get_type
from deepvision.config import default_config
from tests.cli.bad_inputs.asking import assert_refused

CONFIG = default_config()
FIELDS = field_names(CONFIG)
NUMBERS = [field for field in FIELDS if get_type(CONFIG, field) in (int, float)]
CHOICES = ("norm", "act", "kernel", "attention", "pool", "global_pool", "dropout", "drop_path")
STABLE = settings(derandomize=True, deadline=None, database=None)
pytestmark = pytest.mark.usefixtures("nothing_compiles")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where nothing may be written."""
    return tmp_path_factory.mktemp("run")


@pytest.mark.parametrize("field", NUMBERS)
def test_every_number_is_finite_and_not_negative(experiment: Path, run: Path, field: str):
    bad = ("nan", "-inf", "-0.5") if get_type(CONFIG, field) is float else ("-1", "99999999999")
    for value in bad:
        words = ("train", "--config", experiment, "--workdir", run, f"--config.{field}={value}")
        assert_refused(*words, says=f"{field} must be a number from 0", kept=run)


@given(field=st.sampled_from(FIELDS), place=st.integers(0, 30), letter=st.sampled_from("abcxyz_"))
@settings(STABLE, max_examples=40)
def test_a_misspelled_field_is_named(experiment: Path, run: Path, field: str, place: int, letter: str):
    place %= len(field)
    misspelled = field[:place] + letter + field[place:]
    words = ("train", "--config", experiment, "--workdir", run, f"--config.{misspelled}=1")
    assert_refused(*words, says=f"config has no field {misspelled!r}", kept=run)


BAD_CALLS = (
    "{name}(",
    "{name})",
    "{name}(1)",
    "{name}(a=)",
    "{name}(a=b)",
    "{name}(a=open('x'))",
    "{name}(**{{}})(",
    "{name}(no_such_argument=1)",
    "{name}.x(a=1)",
    "lambda: {name}()",
    "__import__('os').system('true')",
    "({name}",
)


@given(field=st.sampled_from(CHOICES), call=st.sampled_from(BAD_CALLS), name=st.sampled_from(("batch", "relu", "se")))
@settings(STABLE, max_examples=40)
def test_a_choice_is_a_name_or_a_call_with_literal_arguments(
    experiment: Path, run: Path, field: str, call: str, name: str
):
    words = ("train", "--config", experiment, "--workdir", run, f"--config.model.{field}={call.format(name=name)}")
    assert_refused(*words, kept=run)
