from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

import xpnet
from tests.report.markup import Page
from xpnet.report import Evaluation, TrainingRecord, html

HISTORY = [
    {"epoch": 1, "cost": 2.0, "learning_rate": 0.1, "seconds": 0.5, "val_cost": 3.0, "val_r2": 0.1},
    {
        "epoch": 12345,
        "cost": 1.0,
        "learning_rate": 0.1,
        "seconds": 0.5,
        "val_cost": 2.5,
        "val_r2": 0.2,
    },
]
RUN = TrainingRecord("'<i>s'", "xpnet train '<i>s'", {"lr": 0.1}, {"time": "1 s"}, HISTORY, "9.9")


@pytest.fixture(scope="module")
def classified():
    """The report of a classifier of images, whose classes have names that are no HTML."""
    net = xpnet.Network((4, 3, 3), output="softmax")
    params = net.init(0, xp="numpy")
    X = np.random.default_rng(0).integers(0, 17, (4, 4))
    P = np.array([[0.9, 0.06, 0.04], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4], [0.5, 0.5, 0.0]])
    evaluation = Evaluation(
        "test <samples>", X, np.array([0, 0, 2, 1]), P, ("<a>", "b&", "c"), grads=params
    )
    return html(net, params, RUN, evaluation, (2, 2))


@pytest.fixture(scope="module")
def regressed():
    """The report of a regression."""
    net = xpnet.Network((3, 1), output="identity")
    y = np.array([1.0, 2.0, 4.0])
    evaluation = Evaluation(
        "samples",
        np.array([[1, 0, 2], [2, 1, 3], [np.nan, -1, 4]]),
        y,
        y + np.array([0.5, 0.0, -1.0]),
        features=("area", "<town>", "age"),
        words=(None, ("a&b", "c"), None),
        rows=np.array([5, 7, 9]),
    )
    return html(net, net.init(0, xp="numpy"), RUN, evaluation)


@pytest.fixture(params=["classified", "regressed"])
def text(request):
    return request.getfixturevalue(request.param)


def test_tags_are_balanced_and_identifiers_are_each_ones_own(text):
    identifiers = Page(text).attributes("id")
    assert len(identifiers) == len(set(identifiers)) > 50
    assert set(re.findall(r"(?:#|url\(#)([\w-]+)[\")]", text)) <= set(identifiers)


def test_nothing_is_loaded_and_nothing_runs(text):
    page = Page(text)
    assert not {"script", "link", "iframe", "object"} & page.elements.keys()
    assert all(
        address.startswith(("data:image/png;base64,", "#"))
        for address in (*page.attributes("src"), *page.attributes("href"))
    )
    assert not [name for name in re.findall(r"\s(on\w+)=", text) if name != "on"]
    assert not re.search(r"https?:|@import|url\((?!#)", text)


def test_what_is_drawn_has_a_text(text):
    page = Page(text)
    figures = page.elements["svg"]
    assert len(figures) > 3
    assert all(one["role"] == "img" and len(one["aria-label"]) > 20 for one in figures)
    assert all(len(one["alt"]) > 10 for one in page.elements.get("img", []))


def test_headings_are_in_order(text):
    levels = [int(level) for level in re.findall(r"<h(\d)>", text)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert '<html lang="en">' in text


def test_figures_take_the_colours_of_the_page(text):
    inside = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "currentColor" in inside
    assert "var(--colour-0)" in inside
    assert not re.findall(r"#[0-9a-f]{6}\b", inside)
    used = set(re.findall(r"var\((--[\w-]+)", text)) - {"--tint"}
    assert used == set(re.findall(r"^  (--[\w-]+):", text, flags=re.MULTILINE))
    assert text.count("--colour-0:") == 2  # light and dark


def _luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", ["paper", "panel"])
def test_texts_have_a_contrast_of_7(regressed, ground):
    for theme in re.findall(r":root \{(.*?)\}", regressed, flags=re.DOTALL):
        colours = dict(re.findall(r"--([\w-]+): (#\w{6});", theme))
        for ink in ("ink", "muted"):
            dark, light = sorted(_luminance(colours[name]) for name in (ink, ground))
            assert (light + 0.05) / (dark + 0.05) >= 7


def test_long_names_break_and_stand_upright():
    net = xpnet.Network((8, 3), output="softmax")
    classes = ("golden_retriever/of_the_north", "a_second_class_of_a_longer_name", "c")
    features = tuple(f"feature_{k}" for k in range(8))
    P = np.array([[0.9, 0.06, 0.04], [0.2, 0.7, 0.1]])
    X = np.array([[0.123456, 12345.67, 1234567, *range(5)]] * 2)
    evaluation = Evaluation("samples", X, np.array([1, 1]), P, classes, features)
    text = html(net, net.init(0, xp="numpy"), RUN, evaluation)
    assert '<thead class="upright">' in text
    assert "golden_<wbr>retriever/<wbr>of_<wbr>the_<wbr>north" in text
    words = Page(text).text
    assert "The first 6 of 8 features are shown." in words
    assert "0.1235 12345.7 1234567 0 1 2 " in words
    assert "feature_ 5" in words
    assert "feature_ 6" not in words


def test_a_classifier(classified):
    words = Page(classified).text
    assert "accuracy on test <samples> 50.00%" in words
    assert "This command repeats it: xpnet train '<i>s'" in words
    assert "Rows are the classes of the samples" in words
    assert "<a> taken for b&: 1 of 2 b& taken for <a>: 1 of 1" in words
    assert "<a> 50.0% 50.0% 50.0% 2 b& 0.0% 0.0% 0.0% 1" in words
    assert "<a> sample 1 b&: 70.0% <a>: 20.0% b& sample 3 <a>: 50.0% b&: 50.0%" in words
    assert "layer units activation parameters norm of W norm of b norm of dW norm of db" in words
    assert "3 of 3 units, those with the largest weights first." in words


def test_a_regression(regressed):
    words = Page(regressed).text
    assert "R² on samples 0.7321" in words
    assert "12,345 1 0.1 0.5 2.5 0.2" in words
    assert "mean absolute error 0.5 root mean squared error 0.645497" in words
    assert "sample true predicted residual area <town> age 9 4 3 1 missing a new word 4" in words
    assert "5 1 1.5 -0.5 1 a&b 2 7 2 2 0 2 c 3" in words
    assert "Validation R². In epochs 1 to 12345: validation from 0.1 to 0.2." in words


def test_a_model_alone():
    net = xpnet.Network((4, 3), output="softmax")
    words = Page(html(net, net.init(0, xp="numpy"), TrainingRecord(), image=(2, 2))).text
    assert "The model keeps no record of its training." in words
    assert "The first 3 outputs, in the order of the classes." in words
    assert "Confusion" not in words
