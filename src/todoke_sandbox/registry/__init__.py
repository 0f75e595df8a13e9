"""Which resources the cluster serves, and how clients learn of them."""
