"""Searches over small networks, ours beside scikit-learn's."""
