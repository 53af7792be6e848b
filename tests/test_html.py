"""What notebooks show, and the representations on a line or two."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import xpnet
from xpnet import Network, optim
from xpnet.types import Result


class _Text(HTMLParser):
    """The texts of a page; raises where a tag is closed that was not the last one open."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.open = [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 20)).astype(np.float32)
    return X, (X[:1] > 0).astype(np.float32)


def trained(data, **settings):
    net = Network((4, 3, 1))
    return xpnet.fit(net, net.init(0), *data, epochs=2, **settings)


def test_a_network():
    page = _Text(Network((784, 128, 10), hidden="tanh", output="softmax")._repr_html_())
    assert page.texts == [
        *("Network of 101,770 parameters", "layer", "units", "activation", "parameters"),
        *("1", "784 → 128", "tanh", "100,480"),
        *("2", "128 → 10", "softmax", "1,290"),
    ]


def test_a_result(data):
    result = trained(data, validation=data)
    page = result._repr_html_()
    assert _Text(page[: page.index("<div>")]).texts[:3] == [
        "Result: all epochs done",
        "epochs",
        "2",
    ]
    assert '<div><svg style="max-width: 100%; height: auto" ' in page
    assert page.count("<svg") == page.count("</svg>") == 1
    cost = f"{result.history[-1]['cost']:.4g}"
    assert repr(result).startswith(f"Result(epochs=2, steps=2, cost={cost}, val_cost=")
    assert repr(result).endswith("stopped='all epochs done', parameters=19)")


def test_a_result_without_matplotlib(data, monkeypatch):
    monkeypatch.setattr("xpnet._html.find_spec", lambda name: None)
    assert _Text(trained(data)._repr_html_()).texts[-2:] == ["parameters", "19"]


def test_a_result_of_nothing():
    result = Result(Network((2, 1)).init(0), (), "<interrupted>")
    assert repr(result) == "Result(epochs=0, steps=0, stopped='<interrupted>', parameters=3)"
    assert "Result: &lt;interrupted&gt;" in result._repr_html_()


def test_the_result_of_a_stack(data):
    net = Network((4, 3, 1))
    stack = xpnet.stack([net.init(seed) for seed in range(3)])
    rates = np.array([1e-3, 1e-2, 1e-1]).reshape(3, 1, 1)
    result = xpnet.fit(net, stack, *data, epochs=1, optimizer=optim.adam(rates))
    row = result.history[0]
    assert row["learning_rate"] == [1e-3, 1e-2, 1e-1]
    assert f"cost={min(row['cost']):.4g} to {max(row['cost']):.4g}" in repr(result)


def test_a_result_draws_its_curve(data):
    figure = trained(data).plot("a title")
    assert figure.get_suptitle() == "a title"
    assert len(figure.axes[0].lines[0].get_xdata()) == 2


def test_a_step(data):
    net = Network((4, 3, 1))
    step = next(xpnet.steps(net, net.init(0), [data]))
    assert repr(step) == f"Step(index=1, cost={step.cost}, parameters=19)"


def test_callbacks_and_datasets(tmp_path):
    early = xpnet.callbacks.EarlyStopping("val_accuracy", patience=3)
    assert repr(early) == "EarlyStopping(monitor='val_accuracy', patience=3, min_delta=0.0)"
    assert repr(xpnet.callbacks.JSONLog("a")) == f"JSONLog(path={Path('a')!r})"
    digits = xpnet.data.load("digits")
    assert repr(digits) == "Dataset('digits', X_train (1797, 64))"
