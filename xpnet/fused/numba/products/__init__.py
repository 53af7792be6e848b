"""Matrix products: in registers, of the BLAS and its threads, without zeros; and transposes."""
