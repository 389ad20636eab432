"""Where the time of a training step goes: a trace of a few steps, and what it says of each operation.

span.py      which steps can be traced: whole dispatches, compiled before, with nothing but training between them
tracer.py    starts and stops the trace
trace.py     reads it: what ran on which device, and when
programs.py  reads the compiled programs in it: what an operation does, and which layer it came from
account.py   gives every moment to the operation that ran, or to none
source.py    reads the names that jax gives operations
wire.py      reads serialized messages
summary.py   what is reported: operations.json and operations.md
"""

from deepvision.train.profile.summary import OPERATIONS, Operation, Summary
from deepvision.train.profile.tracer import FOLDER, Profile

__all__ = ["FOLDER", "OPERATIONS", "Operation", "Profile", "Summary"]
