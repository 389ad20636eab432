"""The one place where a command runs and its errors become a line and an exit status.

0 done; 1 a defect of deepvision, with a traceback; 2 a mistake the user can mend; 3 an ablation some of whose arms
failed; 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from deepvision.cli.arguments import parse
from deepvision.cli.commands import COMMANDS, help_of, overview
from deepvision.errors import UserError, out_of_memory, unknown

_HELP = ("--help", "-h", "-help", "help")


def main(argv: Sequence[str]) -> int:
    """Runs `python -m deepvision *argv` and returns the exit status."""
    try:
        return _run(argv)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:  # of which jax's own are
        if not out_of_memory(error):
            raise
        hint = "lower data.batch_size or data.eval_batch_size, or set model.remat"
        print(f"error: {str(error).splitlines()[0]}; {hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command again goes on from the last checkpoint", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(argv: Sequence[str]) -> int:
    if not argv or argv[0] in _HELP:
        print(overview())
        return 0
    name, *rest = argv
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    command = COMMANDS[name]
    if any(word in _HELP for word in rest):
        print(help_of(command))
        return 0
    arguments = parse(command, rest)
    if command.compiles:
        from deepvision.train import compile_cache, cpu_compiler  # with jax, which help and mistakes do without

        cpu_compiler.keep_barriers()
        compile_cache.enable()
    return importlib.import_module(command.module).run(arguments)
