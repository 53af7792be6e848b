"""A run on a CUDA device in stages, and the folder that takes it to a machine without a network."""
