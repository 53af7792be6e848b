"""Benchmarks of xpnet, and of xpnet beside other libraries."""
