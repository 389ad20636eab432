"""The page of the catalogue, and the law that keeps it complete: every entry says what it is and where it is from."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from deepvision.choices import user_arguments
from deepvision.cli import layers_page
from deepvision.cli.catalogue import SECTIONS, entries, states_its_source
from deepvision.cli.layers_plots import curves
from deepvision.layers.activations import ACTIVATIONS
from deepvision.layers.layers import NOISES, TABLES

ENTRIES = [(section, name) for section in SECTIONS for name in section.table]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layers_page.write(tmp_path_factory.mktemp("page"))


def test_every_table_has_its_section() -> None:
    tables = [id(section.table) for section in SECTIONS]
    assert len(set(tables)) == len(tables)
    assert {id(table) for table in (*TABLES.values(), *NOISES.values())} <= set(tables)


@pytest.mark.parametrize(("section", "name"), ENTRIES, ids=lambda value: getattr(value, "field", value))
def test_every_entry_says_what_it_is_and_where_it_is_from(section, name: str) -> None:
    (entry,) = (entry for entry in entries(section.table) if entry.name == name)
    assert entry.equation.endswith(".") and ".." not in entry.equation.replace("...", "")
    assert states_its_source(section.table[name])
    assert [argument.name for argument in entry.arguments] == list(user_arguments(section.table[name]))
    for text in (entry.equation, entry.source, *entry.notes):
        assert not re.search(r"Source:|Attributes:|Args:|Raises:", text)


def test_every_entry_is_on_the_page(page: Path) -> None:
    markdown, hypertext = page.with_suffix(".md").read_text(), page.read_text()
    for section in SECTIONS:
        part = markdown.split(f"## {section.title}\n")[1].split("\n## ")[0]
        for entry in entries(section.table):
            assert f"### {entry.name}\n" in part
            assert entry.equation.replace("`", "") in part
            assert html.escape(entry.equation.replace("`", "")) in hypertext
            for argument in entry.arguments:
                assert f"`{argument.name}={argument.default}`" in part


def test_links_of_the_page_lead_somewhere(page: Path) -> None:
    hypertext = page.read_text()
    anchors = set(re.findall(r'id="([^"]+)"', hypertext))
    assert len(anchors) == len(re.findall(r'id="', hypertext))
    assert set(re.findall(r'href="#([^"]+)"', hypertext)) <= anchors
    pictures = re.findall(r'src="([^"]+)"', hypertext)
    assert len(pictures) == len(ACTIVATIONS)
    for picture in pictures:
        assert ElementTree.parse(page.parent / picture).getroot().tag.endswith("svg")
        assert f"]({picture})" in page.with_suffix(".md").read_text()


def test_plots_show_the_function_and_its_derivative() -> None:
    x, y, derivative = curves("tanh")
    np.testing.assert_allclose(y[:, 0], np.tanh(x), atol=1e-6)
    np.testing.assert_allclose(derivative[:, 0], 1 - np.tanh(x) ** 2, atol=1e-6)
    x, y, _ = curves("crelu")
    np.testing.assert_array_equal(y, np.stack([np.maximum(x, 0), np.maximum(-x, 0)], axis=-1))
