"""Samples of the estimators: checked, labelled, and in batches."""
