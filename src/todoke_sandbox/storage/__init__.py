"""What the cluster holds: objects with versions, and their changes in order."""
