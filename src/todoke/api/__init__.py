"""Face: health, readiness and metrics over HTTP."""
