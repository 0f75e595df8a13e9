"""Helm charts and OCI artifacts as sources of manifests."""

from todoke.source.charts.charts import Charts
from todoke.source.charts.dependencies import with_dependencies
from todoke.source.charts.tools import Limits

__all__ = ["Charts", "Limits", "with_dependencies"]
