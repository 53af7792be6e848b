"""Training step of a whole network in CUDA: its plan, its launches, and runs of steps as graphs."""
