"""todoke (届け, "deliver!"): takes a Git commit to a healthy Kubernetes cluster, and back."""

__version__ = "0.1.0"
