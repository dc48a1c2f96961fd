"""From deploy.yaml to a function that runs."""
