"""Config management plugins, run as real processes."""
