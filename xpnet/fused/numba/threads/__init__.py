"""Threads: how many the BLAS uses while a network trains."""
