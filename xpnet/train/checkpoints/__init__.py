"""Checkpoints of a run, and the fingerprint by which it is known again."""
