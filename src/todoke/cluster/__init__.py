"""Outside: the Kubernetes API, and nothing else."""
