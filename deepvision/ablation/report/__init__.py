"""The report of an ablation: `contents` makes the tables once, and there is one file for every format of them."""

from deepvision.ablation.report.contents import Report, make_report
from deepvision.ablation.report.terminal import terminal
from deepvision.ablation.report.write import write_report

__all__ = ["Report", "make_report", "terminal", "write_report"]
