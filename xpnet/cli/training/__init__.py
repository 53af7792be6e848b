"""Settings of a training: network, plan, preprocessing of a table."""
