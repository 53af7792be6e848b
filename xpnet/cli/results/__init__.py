"""Results: scores, confusion matrix, plots, reports."""
