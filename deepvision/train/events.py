"""Metrics as TensorBoard reads them.

The usual writer hands them to a thread, which a full disk ends without a word, and whoever hands it more then waits for
ever. Here they are written at once: what cannot be written is an error of who writes it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path


class Events:
    """A file of events.

    Args:
        folder: made if it is not there.
        begin: the first step of this file: what earlier files hold from there on is hidden. None: nothing.

    Raises:
        OSError: here and in every method, the disk is full or the folder has gone.
    """

    def __init__(self, folder: Path, begin: int | None = None) -> None:
        from tensorboardX.event_file_writer import EventsWriter  # slow to import
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        folder.mkdir(parents=True, exist_ok=True)
        # Names hold the time in seconds, in which two files may be begun.
        self._file = EventsWriter(str(folder / "events"), f".{os.getpid()}.{begin or 0}")
        if begin is not None:
            start = SessionLog(status=SessionLog.START)
            self._file.write_event(Event(wall_time=time.time(), step=begin, session_log=start))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Writes values of a step by name."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
        self._file.write_event(Event(wall_time=time.time(), step=step, summary=summary))
        self._file.flush()

    def close(self) -> None:
        self._file.close()
