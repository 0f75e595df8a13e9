"""Outside: files to manifests."""
