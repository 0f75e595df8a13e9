"""Health of CustomResourceDefinitions. Source: Argo CD, resource_customizations/apiextensions.k8s.io."""

from todoke.health.reading import Body, condition, degraded, has, is_true, part, progressing, text
from todoke.model.health import HEALTHY, Health


def custom_resource_definition_health(body: Body) -> Health:
    """Healthy once its names are accepted and it is served; degraded when they clash or the schema is refused."""
    if not has(part(body, "status"), "conditions"):
        return progressing("the API server has not looked at it yet")
    terminating = condition(body, "Terminating")
    if is_true(terminating):
        return progressing(f"terminating: {text(terminating, 'message')}")
    names = condition(body, "NamesAccepted")
    if names.get("status") == "False":
        return degraded(f"names not accepted: {text(names, 'message')}")
    if not is_true(condition(body, "Established")):
        return degraded("not established")
    schema = condition(body, "NonStructuralSchema")
    if is_true(schema):
        return degraded(f"schema violations: {text(schema, 'message')}")
    return HEALTHY
