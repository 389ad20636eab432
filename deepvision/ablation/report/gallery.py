"""The pictures of all arms, one column per example."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from deepvision.ablation.pictures import EXAMPLES, FOLDER
from deepvision.ablation.results import ArmResult, Results

_SHARED = ("input", "truth")  # mostly the same for every arm
_OWN = ("output", "error")


def gallery(results: Results) -> str:
    """Returns a table of the pictures that the arms have; "" if none has any."""
    arms = [arm for arm in results.finished if _files(arm, _OWN[0])]
    rows = []
    for name in _SHARED:
        rows += _shared([(arm.name, _files(arm, name)) for arm in arms], name)
    for arm in arms:
        rows += [_row(f"{arm.name}: {name}", files) for name in _OWN if (files := _files(arm, name))]
    if not rows:
        return ""
    caption = "The same examples for every arm; the first seed, after its last step. Errors: how far off, or in red."
    return (
        '<div class="scroll" role="region" tabindex="0" aria-label="Pictures"><table class="gallery"><tbody>'
        f'{"".join(rows)}</tbody></table></div><p class="caption">{caption}</p>'
    )


def _shared(found: list[tuple[str, list[Path]]], name: str) -> list[str]:
    """Returns one row if the files of all arms are the same, else one for each."""
    found = [(arm, files) for arm, files in found if files]
    if len({tuple(file.read_bytes() for file in files) for _, files in found}) == 1:
        return [_row(name, found[0][1])]
    return [_row(f"{arm}: {name}", files) for arm, files in found]


def _files(arm: ArmResult, name: str) -> list[Path]:
    folder = arm.runs[0].folder / FOLDER
    files = [folder / f"{number}_{name}.png" for number in range(EXAMPLES)]
    return [file for file in files if file.is_file()]


def _row(label: str, files: list[Path]) -> str:
    cells = "".join(f"<td>{_image(file, label)}</td>" for file in files)
    return f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>\n'


def _image(file: Path, label: str) -> str:
    data = base64.b64encode(file.read_bytes()).decode()
    return f'<img alt="{escape(label)}" src="data:image/png;base64,{data}">'
