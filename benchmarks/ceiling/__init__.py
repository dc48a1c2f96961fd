"""The ceiling: single processes that bring the pages into DuckDB without Python ever seeing a row."""
