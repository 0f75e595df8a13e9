"""The second walk: what a branch would change, before it is merged, without any cluster."""
