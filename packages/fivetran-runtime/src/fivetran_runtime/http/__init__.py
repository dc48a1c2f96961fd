"""The HTTP client that tables get, and how it asks, waits, pages and reads."""
