"""Search and cross-validation by scikit-learn's names, with fits that train side by side."""

from xpnet.model_selection.bagging import BaggingClassifier, BaggingRegressor
from xpnet.model_selection.search import GridSearchCV, RandomizedSearchCV
from xpnet.model_selection.validation import (
    cross_val_predict,
    cross_val_score,
    cross_validate,
    validation_curve,
)

__all__ = [
    "BaggingClassifier",
    "BaggingRegressor",
    "GridSearchCV",
    "RandomizedSearchCV",
    "cross_val_predict",
    "cross_val_score",
    "cross_validate",
    "validation_curve",
]
