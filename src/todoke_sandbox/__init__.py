"""An embedded Kubernetes API server for demos and quick tests: a fake that is compared with a real one case by case."""
