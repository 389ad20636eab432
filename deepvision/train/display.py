"""What the engine tells whoever watches."""

from __future__ import annotations

from typing import Protocol


class Display(Protocol):
    """Receives progress; the command line draws it."""

    def start(self, title: str, total_steps: int) -> None: ...

    def step(self, step: int, metrics: dict[str, float], images_per_second: float) -> None: ...

    def evaluated(self, step: int, metrics: dict[str, float]) -> None: ...

    def note(self, text: str) -> None: ...

    def finish(self) -> None: ...


class Silent:
    """Shows nothing."""

    def start(self, title: str, total_steps: int) -> None:
        pass

    def step(self, step: int, metrics: dict[str, float], images_per_second: float) -> None:
        pass

    def evaluated(self, step: int, metrics: dict[str, float]) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def finish(self) -> None:
        pass
