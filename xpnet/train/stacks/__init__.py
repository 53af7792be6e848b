"""One training of a stack, whose networks end one by one; `together/` makes stacks of trainings."""
