"""What a sync is made of: the loop over tables, a table's pass, and what is remembered between calls."""
