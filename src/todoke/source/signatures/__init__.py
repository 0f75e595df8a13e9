"""Verifying who signed commits and tags. What a project demands of them is decided elsewhere."""

from todoke.source.signatures.verifying import Verifier

__all__ = ["Verifier"]
