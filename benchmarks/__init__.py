"""What `nox -s bench` measures: a folder for each peer, with its lock, and a file for each contestant.

A contestant is `python -m benchmarks.PEER.FILE URL DATABASE [PYTHON ...]`: it reads every ticket of `URL`/tickets, merges them by
`id` into a table `tickets` in the DuckDB file, and ends. What measures it is tools/locked/benchmarks.
"""
