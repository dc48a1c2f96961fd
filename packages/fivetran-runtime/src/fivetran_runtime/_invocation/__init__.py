"""One call of the function: its limits, its time, its log, and what it must not show."""
