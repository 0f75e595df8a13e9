"""Which resource a path leads to, and whether the method is one of its.

Source: a real server's answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from todoke_sandbox.registry.discovery import subresource_verbs
from todoke_sandbox.registry.resources import Registry, Resource
from todoke_sandbox.server.paths import Target
from todoke_sandbox.verbs.refusals import Refusal
from todoke_sandbox.verbs.requests import Place


def no_route() -> Refusal:
    """No resource has this path."""
    return Refusal(404, "NotFound", "the server could not find the requested resource", {})


def no_method() -> Refusal:
    """The path is there, but not for this method."""
    return Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unknown_patch() -> Refusal:
    """A patch of a media type that nobody takes."""
    return Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def place(registry: Registry, target: Target) -> Place:
    """Where the objects of a path are. Raises: Refusal: 404 or 405, it leads nowhere or not for this verb."""
    resource = registry.find(target.group, target.version, target.plural)
    if resource is None or (target.rest and target.subresource != "proxy"):
        raise no_route()
    if not resource.namespaced and target.namespace and target.plural != "namespaces":
        raise no_route()
    namespace = target.namespace if resource.namespaced else ""
    everywhere = resource.namespaced and not namespace
    if (everywhere and target.name) or (target.subresource and target.subresource not in resource.subresources):
        raise no_route()
    if target.verb not in _verbs(resource, target, everywhere):
        raise no_method()
    if target.name in (".", ".."):
        raise Refusal.bad_request(f"Name parameter invalid: \"{target.name}\": may not be '{target.name}'")
    return Place(resource, namespace, target.name, target.subresource)


def _verbs(resource: Resource, target: Target, everywhere: bool) -> Sequence[str]:
    """What can be done at a place: to a collection, to an object, to a part of one."""
    if everywhere:
        return [verb for verb in ("list", "watch") if verb in resource.verbs]
    if target.subresource:
        return subresource_verbs(resource, target.subresource)
    at_objects = ("get", "update", "patch", "delete")
    return [verb for verb in resource.verbs if (verb in at_objects) == bool(target.name)]
