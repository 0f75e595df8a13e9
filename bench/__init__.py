"""Benchmarks of todoke against a real control plane, and of its hot paths alone."""
