"""A real Kubernetes control plane, a Git server, and what fills the cluster with ready Pods, for tests."""
