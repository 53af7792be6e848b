"""Search and cross-validation by scikit-learn's names, with candidates that train side by side."""

from xpnet.model_selection.search import GridSearchCV, RandomizedSearchCV

__all__ = ["GridSearchCV", "RandomizedSearchCV"]
