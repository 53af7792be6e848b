"""scikit-learn's interface, trained where the arrays live."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ImportError("xpnet's estimators need scikit-learn: pip install 'xpnet[sklearn]'")

from xpnet.estimators.classifier import MLPClassifier
from xpnet.estimators.logistic import LogisticRegression
from xpnet.estimators.regressor import MLPRegressor

__all__ = ["LogisticRegression", "MLPClassifier", "MLPRegressor"]
