"""What runs on this machine: syncs, tests, recordings, servers. Standard library only."""
