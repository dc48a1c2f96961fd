"""What looks after the repository: discovery, environments, locks, CI, bundles and deploys.

The noxfile imports from here before any environment exists. So a module that needs more than the standard
library is never imported by it: it runs as `python -m tools.NAME` inside the tools' own environment.
"""
