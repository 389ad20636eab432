"""The page: one file that needs nothing beside itself, and holds whatever is written into it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from deepvision.ablation.merge import read_results
from deepvision.ablation.plots import PLOTS, draw
from deepvision.ablation.plots.cost import pareto
from deepvision.ablation.plots.curves import curve
from deepvision.ablation.report import make_report
from deepvision.ablation.report.page import page, split_claim
from tests.ablation.study import CLAIM, noise, write

_VOID = {"meta", "br", "wbr", "path", "use", "rect", "image", "line", "circle"}


class _Page(HTMLParser):
    """Checks that elements are closed in order; collects ids, links and text."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.ids, self.links, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named[name] for name in ("src", "href", "xlink:href") if name in named]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data.replace("\u00a0", " ")


def _value(arm, seed):
    return {"none": 0.9, "batch": 0.95}.get(arm.model.norm, 0.7) + 0.01 * noise(arm, seed)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    axes = {"model.norm": ("none", "batch", "group(groups=8)"), "model.act": ("relu", "gelu")}
    folder = tmp_path_factory.mktemp("study")
    failures = {"norm=none,act=gelu": {3: "<b>loss</b> & more"}}
    return make_report(read_results(write(folder, axes, _value, failures=failures, changes={"name": "a <study>"})))


@pytest.fixture(scope="module")
def pictures(report):
    return draw(report.analysis)


@pytest.fixture(scope="module")
def text(report, pictures):
    return page(report, pictures)


def test_the_page_is_well_formed_and_needs_nothing_beside_itself(text):
    parsed = _Page(text)
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert all(link.startswith("#") and link[1:] in parsed.ids for link in parsed.links)
    assert set(re.findall(r"url\(([^)]*)\)", text)) <= {f"#{name}" for name in parsed.ids}
    assert "<script" not in text
    assert "@import" not in text


def test_the_page_says_claim_verdict_command_and_numbers(text, report):
    shown = _Page(text).text
    for part in ("Which of them is better?", "the second <one>, by far.", report.verdict, report.power, *report.notes):
        assert part in shown
    for part in ("python -m deepvision ablate --config study.py", "jax", "Linux x86_64, 2 cores", "model.norm"):
        assert part in shown
    for table in report.tables:
        assert table.title in shown or table.key == "metrics"


def test_what_users_write_is_text(text):
    assert "<b>loss" not in text
    assert "&lt;b&gt;loss&lt;/b&gt; &amp; more" in text
    assert "<study>" not in text


def test_the_page_is_for_narrow_screens_the_dark_and_paper(text):
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    inline = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "currentColor" in inline
    assert "#1c1c21" not in inline
    assert not re.search(r"<svg[^>]*\s(width|height)=", inline)


def test_every_plot_is_drawn_that_has_something_to_show(pictures):
    assert [picture.plot.name for picture in pictures] == [plot.name for plot in PLOTS]
    for picture in pictures:
        assert picture.png.startswith(b"\x89PNG")
        assert picture.svg.startswith("<?xml")


def test_plots_without_a_subject_are_left_out(tmp_path):
    folder = write(tmp_path, {"model.norm": ("none",)}, _value, seeds=1)
    names = [picture.plot.name for picture in draw(make_report(read_results(folder)).analysis)]
    assert names == ["arms", "curves"]


def test_many_arms_and_data_sets_are_drawn(tmp_path):
    axes = {"data.name": ("digits", "mnist"), "optimizer.learning_rate": tuple(0.01 * i for i in range(1, 12))}
    names = [picture.plot.name for picture in draw(make_report(read_results(write(tmp_path, axes, _value))).analysis)]
    assert names == ["arms", "differences", "heatmap", "curves"]


def test_curves_are_means_where_all_seeds_were_evaluated(report):
    arm = report.results.arms[0]
    epochs, means, half = curve(arm, "accuracy")
    assert epochs.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert means[0] == pytest.approx(sum(run.curves["accuracy"][1.0] for run in arm.runs) / 4)
    assert (half > 0).all()


def test_the_pareto_front_by_hand():
    costs, goodness = [1.0, 2.0, 2.0, 3.0, 4.0, 1.0], [0.5, 0.7, 0.8, 0.75, 0.9, 0.4]
    assert pareto(costs, goodness) == [0, 2, 4]
    assert pareto([1.0], [0.1]) == [0]
    assert pareto([1.0, 2.0], [0.5, 0.5]) == [0]


def test_a_docstring_is_taken_apart():
    question, items = split_claim(CLAIM)
    assert question == "Which of them is better?"
    assert items == [("Claim", "the second <one>, by far."), ("Source", "none.")]
    assert split_claim("") == ("", [])
    assert split_claim("One line.\n\nAnd prose\nof two.") == ("One line.", [("", "And prose of two.")])
