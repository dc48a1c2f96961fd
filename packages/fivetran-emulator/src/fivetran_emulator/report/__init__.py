"""What a sync came to, for people: the screen and a page."""
