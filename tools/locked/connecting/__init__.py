"""Connecting: a deployment's connection at Fivetran, made and looked after by its REST API."""
