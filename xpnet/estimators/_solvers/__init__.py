"""Solvers of the estimators: first-order ones, L-BFGS and OWL-QN."""
