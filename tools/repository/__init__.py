"""What the repository holds: names, projects, limits, and errors that say what to do. Standard library only."""
