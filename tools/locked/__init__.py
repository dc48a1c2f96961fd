"""What needs the tools' own locked environment: run as `python -m tools.locked...` in it, never imported by the noxfile."""
