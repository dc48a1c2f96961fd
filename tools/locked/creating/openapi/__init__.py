"""Makes a connector of an OpenAPI description: what it lists becomes tables, what it doesn't say becomes questions.

A description is a stranger's file. Nothing of it is run, its texts reach Python and Markdown only quoted, and every size is
bounded.
"""
