"""Reads a command line: absl flags of the command, a config file, and changes of single fields of it.

The config file is loaded before its fields are parsed, so that every mistake gets a line of its own; absl and
ml_collections alone would show a traceback or a dump of the config.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from absl import flags
from ml_collections import config_dict, config_flags

from deepvision.ablation.fields import field_names, no_such_field
from deepvision.cli import config_file
from deepvision.cli.commands import Command
from deepvision.errors import UserError, unknown


@dataclasses.dataclass(frozen=True)
class Arguments:
    """What the user asked for: `flags.NAME` of the command, the words that are not flags, and the config if it takes one."""

    flags: flags.FlagValues
    words: tuple[str, ...] = ()
    config: config_dict.ConfigDict | None = None


def parse(command: Command, argv: Sequence[str]) -> Arguments:
    """Reads `argv`, what follows the command's name.

    Raises:
        UserError: an unknown flag or field, a value of the wrong type, a config file that does not load.
    """
    values = flags.FlagValues()
    for flag in command.flags:
        flag.define(flag.name, flag.default, flag.help, flag_values=values)
    if command.takes_config:
        flags.DEFINE_string("config", None, "file with get_config()", flag_values=values)
    rest = _parse(values, argv, known_only=True)
    _check_flags(rest, values, command.takes_config)
    config = None
    if command.takes_config:
        if values.config is None:
            raise UserError("--config is missing: name a file with get_config(), e.g. --config experiments/digits.py")
        config = config_file.load(values.config)
        rest = _change_fields(config, rest)
    _check_words(command, rest)
    return Arguments(values, tuple(rest), config)


def _parse(values: flags.FlagValues, argv: Sequence[str], known_only: bool) -> list[str]:
    """Parses `argv` into `values` and returns what it left."""
    try:
        return values(["deepvision", *argv], known_only=known_only)[1:]
    except (flags.Error, TypeError, ValueError) as error:
        raise UserError(str(error).splitlines()[0]) from None


def _check_flags(rest: Sequence[str], values: flags.FlagValues, takes_config: bool) -> None:
    for word in rest:
        name = word.lstrip("-").split("=", 1)[0]
        is_field = takes_config and name.removeprefix("no").startswith("config.")
        if word.startswith("--") and not is_field:
            raise unknown("flag", f"--{name}", [f"--{flag}" for flag in values])


def _change_fields(config: config_dict.ConfigDict, argv: Sequence[str]) -> list[str]:
    """Applies every `--config.FIELD=VALUE` of `argv` and returns the other words."""
    names = field_names(config)
    for word in argv:
        field = word.lstrip("-").split("=", 1)[0].removeprefix("no").removeprefix("config.")
        if word.startswith("--") and field not in names:
            raise no_such_field(field, names)
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=["deepvision", *argv])
    return _parse(values, argv, known_only=False)


def _check_words(command: Command, words: Sequence[str]) -> None:
    least, most = command.positional
    usage = command.usage.splitlines()[0]
    if len(words) < least:
        raise UserError(f"something is missing; usage: python -m deepvision {usage}")
    if len(words) > most:
        raise UserError(f"do not know what to do with {words[most]!r}; usage: python -m deepvision {usage}")
