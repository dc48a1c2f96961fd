"""The named checks of `nox -s check`."""
