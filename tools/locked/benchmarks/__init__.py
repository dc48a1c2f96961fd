"""`nox -s bench`: ours, the peers and the ceiling over the same pages, measured in interleaved rounds."""
