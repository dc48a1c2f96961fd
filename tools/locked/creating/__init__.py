"""New connectors from the template."""
