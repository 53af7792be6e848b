"""First layer of networks in groups: without the zeros of its samples, or as one product of all."""
