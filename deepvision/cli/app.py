"""The one place where a command runs and its errors become a line and an exit status.

0 done; 1 a defect of deepvision, with a traceback; 2 a mistake the user can mend; 3 an ablation some of whose arms
failed; 75 stopped by a signal or by the loss of another process, to be started again; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence

from deepvision.cli.arguments import parse
from deepvision.cli.commands import COMMANDS, help_of, overview
from deepvision.errors import UserError, as_line, out_of_memory, unknown
from deepvision.train import interruption

_HELP = ("--help", "-h", "-help", "help")


def main(argv: Sequence[str]) -> int:
    """Runs `python -m deepvision *argv` and returns the exit status."""
    return answered(lambda: _run(argv))


def answered(command: Callable[[], int]) -> int:
    """Runs a command; what ends it becomes a line and an exit status."""
    try:
        status = command()
        sys.stdout.flush()  # who reads it may have gone: known here, not at the interpreter's exit
        return status
    except UserError as error:
        return _failed(2, str(error))
    except (RuntimeError, ValueError) as error:  # jax raises the one or the other for the same reason
        if out_of_memory(error):
            hint = "lower data.batch_size or data.eval_batch_size, or set model.remat"
            return _failed(2, f"{str(error).splitlines()[0]}; {hint}")
        if _lost_others(error):
            return _failed(interruption.EXIT_STATUS, "lost another process; the same command again goes on")
        raise
    except MemoryError as error:  # of numpy; what is merely large is refused before
        return _failed(2, f"out of memory: {error}; lower the sizes in config.data, or train on a larger machine")
    except interruption.Interrupted as stop:
        print(f"stopped by a signal, {stop}; the same command again goes on", file=sys.stderr)
        return _ended(interruption.EXIT_STATUS, "stopped by a signal")
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
        from deepvision.train import start  # with jax, which help and mistakes do without

        start.prepare()
    logging.getLogger("absl").setLevel(logging.CRITICAL)  # orbax logs, with a traceback, what is reported in one line
    with interruption.listening() if command.saves else contextlib.nullcontext():
        return importlib.import_module(command.module).run(arguments)


def _failed(status: int, text: str) -> int:
    print(f"error: {as_line(text)}", file=sys.stderr)
    return _ended(status, text)


def _ended(status: int, reason: str) -> int:
    """Tells other processes, if there are any, of the end of this one; jax is there only if it was needed."""
    if "jax" in sys.modules:
        from deepvision.train import distributed

        distributed.leave(status, reason)
    return status


def _lost_others(error: Exception) -> bool:
    from deepvision.train import distributed  # an error of jax's: it has been loaded

    return distributed.has_lost_others(error)
