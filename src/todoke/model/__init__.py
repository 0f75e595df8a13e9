"""Nouns: frozen values that every room speaks."""
