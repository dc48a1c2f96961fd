"""Fivetran as its REST API shows it: connections, their setup test, packages of the Connector SDK."""
