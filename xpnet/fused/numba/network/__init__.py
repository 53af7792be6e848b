"""A whole network in one compiled call: gradients, a step, a run of steps, many trainings."""
