"""CSV files: their text, table, header and cells, and the dataset that these make."""
