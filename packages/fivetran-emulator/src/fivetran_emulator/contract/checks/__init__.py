"""The checks of the contract suite, grouped by what they are about."""
