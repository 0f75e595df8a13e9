"""Programs that make parts of the product; they need the standard library alone."""
