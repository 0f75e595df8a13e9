"""The three patch types that are not server-side apply: JSON patch, JSON merge patch, strategic merge patch."""
