"""Fixtures for all tests. Control planes are started once, by the first test that asks for one."""

from tests.cluster.fixtures import client, everywhere, namespace, plane, real_plane, sandbox_plane, stage

__all__ = ["client", "namespace", "plane", "pytest_generate_tests", "real_plane", "sandbox_plane", "stage"]

pytest_generate_tests = everywhere
