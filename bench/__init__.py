"""What xpnet measures of itself, and of itself beside its peers."""
