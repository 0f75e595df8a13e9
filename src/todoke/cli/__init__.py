"""Face: the command line, in the manner of kubectl and argocd."""
