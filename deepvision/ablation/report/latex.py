"""Tables in LaTeX, for `booktabs`."""

from __future__ import annotations

from deepvision.ablation.report.contents import Report
from deepvision.ablation.report.table import Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "×": r"$\times$",
    "η²": r"$\eta^2$",
    "χ²": r"$\chi^2$",
    "\n": " ",
}


def latex(report: Report) -> str:
    """Returns the main tables, each a `table` to be set with `\\usepackage{booktabs}`."""
    tables = "\n".join(_table(table, report.results.name) for table in report.main())
    return (
        f"% {_one_line(report.results.name)}: {_one_line(report.verdict)}\n% needs \\usepackage{{booktabs}}\n{tables}"
    )


def escape(text: str) -> str:
    """Returns text that LaTeX sets as it is."""
    for character in ("η²", "χ²"):
        text = text.replace(character, f"\0{character[0]}")
    marked = {f"\0{key[0]}": value for key, value in _SPECIAL.items() if len(key) == 2}
    escaped = "".join(_SPECIAL.get(character, character) for character in text)
    for mark, value in marked.items():
        escaped = escaped.replace(mark, value)
    return escaped


def _table(table: Table, name: str) -> str:
    alignment = "".join("r" if column.numeric else "l" for column in table.shown)
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{escape(f'{table.title}. {table.caption}'.strip())}}}"]
    lines += [rf"\label{{tab:{''.join(c if c.isalnum() else '-' for c in name)}-{table.key}}}"]
    lines += [rf"\begin{{tabular}}{{{alignment}}}", r"\toprule", _row([escape(c.heading) for c in table.shown])]
    lines += [r"\midrule"]
    for row in table.rows:
        cells = [escape(text) for text in table.texts(row)]
        lines.append(_row([rf"\textbf{{{cell}}}" if row.bold and cell else cell for cell in cells]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _one_line(text: str) -> str:
    return " ".join(text.split())
