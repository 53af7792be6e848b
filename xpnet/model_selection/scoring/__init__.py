"""Scores of fits on arrays of other libraries: own ones where these lie, others on the host."""
