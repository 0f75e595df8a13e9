"""What the kinds look like: built-in ones from a generated file, custom ones from their definitions."""
