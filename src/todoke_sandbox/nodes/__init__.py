"""What a node would say and do about the Pods given to it; nothing is ever run."""
