"""Scores of fits: scikit-learn's scorers where samples lie, and the answers that they compare."""
