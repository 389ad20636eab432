"""Reads a command line: absl flags of the command, a config file, and changes of single fields of it.

The config file is loaded before its fields are parsed, so that every mistake gets a line of its own; absl and
ml_collections alone would show a traceback or a dump of the config.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from absl import flags
from ml_collections import config_dict, config_flags

from deepvision.ablation.fields import field_names, get_type, no_such_field
from deepvision.cli import config_file
from deepvision.cli.commands import Command
from deepvision.config_checks import check_values
from deepvision.errors import UserError, unknown


@dataclasses.dataclass(frozen=True)
class Arguments:
    """What the user asked for: `flags.NAME` of the command, the words that are no flags, the config if it takes one."""

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
    if command.needs_config and values.config is None:
        raise UserError("--config is missing: name a file with get_config(), e.g. --config experiments/digits.py")
    if command.takes_config and values.config is not None:
        config = config_file.load(values.config)
        rest = _change_fields(config, rest)
        check_values(config)
    for word in rest:
        if word.startswith("--"):
            raise UserError(f"{word} changes a field of --config, which is missing")
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
    argv = _join(config, argv)
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=["deepvision", *argv])
    return _parse(values, argv, known_only=False)


def _join(config: config_dict.ConfigDict, argv: Sequence[str]) -> list[str]:
    """Returns `argv` with every `--config.FIELD VALUE` as `--config.FIELD=VALUE`.

    Otherwise a field of any type would be taken for a switch, and its value for a word of its own.
    """
    names, joined, words = field_names(config), [], iter(argv)
    for word in words:
        if not word.startswith("--"):
            joined.append(word)
            continue
        name, equals, _ = word.removeprefix("--").partition("=")
        field = name.removeprefix("noconfig.").removeprefix("config.")
        if field not in names:
            raise no_such_field(field, names)
        if not equals and get_type(config, field) is not bool:
            value = next(words, None)
            if value is None:
                raise UserError(f"--{name} needs a value: --{name}=VALUE")
            word = f"{word}={value}"
        joined.append(word)
    return joined


def _check_words(command: Command, words: Sequence[str]) -> None:
    least, most = command.positional
    usage = command.usage.splitlines()[0]
    if len(words) < least:
        raise UserError(f"something is missing; usage: python -m deepvision {usage}")
    if len(words) > most:
        raise UserError(f"do not know what to do with {words[most]!r}; usage: python -m deepvision {usage}")
