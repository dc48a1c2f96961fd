"""What deploy.yaml and the environments of pyproject.toml declare, read strictly and checked before anything is deployed."""
