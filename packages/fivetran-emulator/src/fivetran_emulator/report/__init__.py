"""What a sync came to, for people and programs: the screen, a JSON document, a page."""
