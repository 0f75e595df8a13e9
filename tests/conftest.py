"""Fixtures for all tests. The control plane is started once, by the first test that asks for it."""

from tests.cluster.fixtures import client, namespace, plane, stage

__all__ = ["client", "namespace", "plane", "stage"]
