"""Matrix products of the compiled loops: dense ones, and those that leave out zeros."""
