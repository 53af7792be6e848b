"""Search on the command line: candidates, their trainings on folds, and how they did."""
