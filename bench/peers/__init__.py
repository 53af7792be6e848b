"""Comparison of xpnet with other libraries and with the floor, on equal work in one run."""
