"""Commands of ``xpnet``, one to a file."""
