"""The real control plane of tests/cluster, for cases that run on the fakes too."""

from tests.cluster.conftest import namespace, plane

__all__ = ["namespace", "plane"]
