"""What notebooks show of estimators beside their values: descriptions, and links if there are."""

from __future__ import annotations

import weakref
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xpnet
from xpnet import LogisticRegression, MLPClassifier, MLPRegressor, model_selection
from xpnet.estimators._sklearn import private
from xpnet.estimators._sklearn.tooltips import entries

ESTIMATORS = [
    MLPClassifier,
    MLPRegressor,
    LogisticRegression,
    model_selection.BaggingClassifier,
    model_selection.BaggingRegressor,
    model_selection.GridSearchCV,
    model_selection.RandomizedSearchCV,
]
X = np.random.default_rng(0).normal(size=(20, 3))
Y = (X[:, 0] > 0).astype(int)


class _Page(HTMLParser):
    """Attributes of the elements of a page, and the texts of descriptions by the names before them.

    Raises where a tag is closed that was not the last one open.
    """

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self.open, self.name = [], {}, [], ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append(dict(attrs))
        if tag not in ("br", "input"):
            self.open.append((tag, dict(attrs).get("class")))

    def handle_startendtag(self, tag, attrs):
        self.elements.append(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if not self.open:
            return
        if self.open[-1] == ("a", "param-doc-link") and data.strip():
            self.name = data.strip()
        if self.open[-1] == ("span", "param-doc-description"):
            self.texts[self.name] = self.texts.get(self.name, "") + data

    def all(self, key):
        return [element[key] for element in self.elements if key in element]


def made(estimator):
    """One of a class, unfitted."""
    if "Search" in estimator.__name__:
        return estimator(MLPClassifier(), {"alpha": [0.1]})
    return estimator()


def shown(model):
    return _Page(model._get_params_html(False, model._get_doc_link())._repr_html_inner())


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A function that makes the installed package say where its documentation is."""

    def publish(line):
        folder = tmp_path / f"xpnet-{xpnet.__version__}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: xpnet\nVersion: 1\n{line}")
        monkeypatch.syspath_prepend(tmp_path)
        private.documentation.cache_clear()

    yield publish
    private.documentation.cache_clear()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_is_described_with_its_type(estimator):
    names, found = estimator._get_param_names(), entries(estimator, "Parameters")
    assert [name for name in names if name not in found or not found[name].type] == []
    assert sorted(shown(made(estimator)).texts) == sorted(names)


@pytest.mark.parametrize(
    ("estimator", "name", "text"),
    [
        (MLPClassifier, "tol", "tol: float, default 1e-4Smallest change of the loss or score that"),
        (MLPClassifier, "beta_2", "beta_1, beta_2, epsilon: float, defaults 0.9, 0.999 and 1e-8"),
        (MLPRegressor, "loss", 'loss: {"squared_error", "poisson"}, default "squared_error"Half'),
        (MLPRegressor, "dropout", "dropout: float, default 0Share of units of each hidden layer"),
        (model_selection.GridSearchCV, "refit", "refit: bool, str, or callable, default=TrueRefit"),
        (model_selection.RandomizedSearchCV, "n_iter", "n_iter: int, default=10Number of"),
        (model_selection.RandomizedSearchCV, "memory", "memory: int or str, optionalWhat the"),
        (model_selection.BaggingClassifier, "oob_score", "oob_score: bool, default=FalseWhether"),
    ],
)
def test_the_nearest_docstring_that_describes_it(estimator, name, text):
    assert shown(made(estimator)).texts[name].startswith(text)


def fitted_attributes(model):
    table = model.fit(X, Y)._get_fitted_attr_html()
    return _Page(table._repr_html_inner()).texts, sorted(table)


def test_fitted_attributes():
    texts, names = fitted_attributes(LogisticRegression())
    assert texts["loss_"] == "loss_: floatThe mean loss, penalty included."
    assert sorted(texts) == names


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_every_fitted_attribute_is_described(estimator):
    texts, names = fitted_attributes(estimator(max_iter=1))
    assert sorted(texts) == names


def test_a_model_that_was_shown_is_freed_with_the_last_name_of_it():
    model = LogisticRegression().fit(X, Y)
    assert "coef_: array" in model._repr_html_()
    coef = weakref.ref(model.coef_)
    del model
    assert coef() is None


def test_a_docstring_may_change():
    class Changing(LogisticRegression):
        pass

    assert shown(Changing()).texts["tol"].startswith("tol: float, default 1e-4")
    Changing.__doc__ = "My own.\n\nParameters\n----------\ntol : int\n"
    assert shown(Changing()).texts["tol"] == "tol: int"


class Own(MLPClassifier):
    """A user's own.

    Parameters
    ----------
    alpha : {"<a>", "b"}
        Less < more & "more".

        - not a name : of anything
    Examples
    --------
    beta_1 : of an example
        No description.
    """


def test_descriptions_are_text():
    page = Own()._get_params_html()._repr_html_inner()
    assert "alpha: {&quot;&lt;a&gt;&quot;, &quot;b&quot;}<br><br>Less &lt; more &amp;" in page
    assert _Page(page).texts["alpha"].endswith('"more".- not a name : of anything')
    assert shown(Own()).texts["beta_1"].startswith("beta_1, beta_2, epsilon: float")


def test_a_name_without_description_stays_as_it_is():
    class Other(LogisticRegression):
        def __init__(self, other=1):
            self.other = other

    assert '<td class="param">other</td>' in Other()._get_params_html()._repr_html_inner()


def test_the_keyboard_reaches_and_leaves_each_name_once():
    page = _Page(make_pipeline(StandardScaler(), MLPClassifier(), MLPClassifier())._repr_html_())
    described, ids = page.all("aria-describedby"), page.all("id")
    assert len(described) == 2 * len(MLPClassifier._get_param_names())
    assert set(described) < set(ids)
    assert len(ids) == len(set(ids))
    for element in (e for e in page.elements if "aria-describedby" in e):
        assert element["tabindex"] == "0"
        assert "display='block'" in element["onfocus"]
        assert "display=''" in element["onblur"]
        assert "Escape" in element["onkeydown"]


@pytest.mark.parametrize("line", ["", "Project-URL: Changelog, https://docs.example/changes\n"])
def test_no_link_where_no_documentation_is_named(published, line):
    published(line)
    assert made(MLPClassifier)._get_doc_link() == ""
    assert "href" not in MLPClassifier()._repr_html_()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_links_to_the_documentation(published, estimator):
    published("Project-URL: Documentation, https://docs.example/stable/\n")
    room = "xpnet" if hasattr(xpnet, estimator.__name__) else "xpnet.model_selection"
    page = f"https://docs.example/stable/{room}.{estimator.__name__}.html"
    assert made(estimator)._get_doc_link() == page
    links = shown(made(estimator)).all("href")
    assert len(links) == len(estimator._get_param_names())
    assert all(link.startswith(f"{page}#:~:text=") for link in links)


def test_links_lead_to_a_parameter(published):
    published("Project-URL: Documentation, https://docs.example\n")
    links = shown(LogisticRegression()).all("href")
    assert any(link.endswith("#:~:text=tol,-float%2C%20default%201e%2D4") for link in links)


def test_a_users_own_class_has_descriptions_but_no_link(published):
    published("Project-URL: Documentation, https://docs.example\n")
    assert Own()._get_doc_link() == ""
    assert "tol" in shown(Own()).texts
    assert shown(Own()).all("href") == []


def test_a_users_own_class_names_its_documentation_as_scikit_learn_says(published):
    published("Project-URL: Documentation, https://docs.example\n")
    Theirs = type("Theirs", (LogisticRegression,), {"__module__": "theirs.models"})
    Theirs._doc_link_module = "theirs"
    model = Theirs()
    model._doc_link_template = "https://theirs.example/{estimator_module}.{estimator_name}.html"
    assert model._get_doc_link() == "https://theirs.example/theirs.models.Theirs.html"


def test_a_table_of_a_later_scikit_learn_stays_as_it_is():
    class Later:
        def _get_params_html(self):
            return table

    class Model(private.DocumentedMixin, Later):
        pass

    table = SimpleNamespace(html="<p>")
    assert Model()._get_params_html() is table
    assert vars(table) == {"html": "<p>"}
