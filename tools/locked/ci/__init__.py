"""CircleCI's configuration: rendered, checked, and cut down to what a change touches."""
