"""Examples in the docstrings of estimators print what they say."""

from __future__ import annotations

from doctest import DocTestFinder, DocTestRunner

import pytest

from xpnet import LogisticRegression, MLPClassifier, MLPRegressor


@pytest.mark.parametrize("estimator", [LogisticRegression, MLPClassifier, MLPRegressor])
def test_example(estimator):
    example, *_ = DocTestFinder(recurse=False).find(estimator)
    results = DocTestRunner().run(example)
    assert results.attempted
    assert not results.failed
