"""Airbyte's CDK, https://docs.airbyte.com, extracting; its rows go through a small loader of ours."""
