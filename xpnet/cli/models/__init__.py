"""Model files of the command line: read, written, described, and used on data."""
