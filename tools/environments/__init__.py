"""Locks and the virtual environments made from them. Standard library only."""
