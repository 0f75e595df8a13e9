"""What goes wrong with Helm repositories and registries, as our errors. No text here ever shows a secret."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.source.charts.places import Place

_HOW = 'a Secret labelled "argocd.argoproj.io/secret-type: repository" with type, url, username and password'
_SHOWN = 5


def http_error(place: Place, what: str, status: int) -> DeliveryError:
    """The error for an HTTP status other than 200. Args: what: was asked for, as in "its index.yaml"."""
    if status in (401, 403):
        return _refused(place, what)
    if status in (404, 410):
        return Blocked(place.subject, f"{what} is not there", next_step="Correct repoURL")
    if status == 429:
        return Unreachable(place.subject, "the server says that it is asked too often (HTTP status 429)")
    return Unreachable(place.subject, f"the server answered with HTTP status {status} when asked for {what}")


def _refused(place: Place, what: str) -> Blocked:
    if place.login.origin:
        problem = f"the server does not let the login of {place.login.origin} read {what}"
        return Blocked(place.subject, problem, next_step=f"Renew that login, or its rights, or add {_HOW}")
    problem = f"the server wants a login for {what}, and no credential matches this URL"
    if place.is_registry:
        problem += " (registries answer so for what does not exist, too)"
    return Blocked(place.subject, problem, next_step=f"Add {_HOW}")


def no_chart(place: Place, chart: str, names: Iterable[str] = ()) -> Blocked:
    """The error for a chart that is not there. Args: names: of those that are, where they are known."""
    near = get_close_matches(chart, list(names), 3, 0.5)
    there = f" (there are: {', '.join(near)})" if near else ""
    return Blocked(
        place.subject, f'has no chart "{chart}"{there}', field="spec.source.chart", next_step="Correct chart or repoURL"
    )


def no_version(place: Place, chart: str, wanted: str, newest: Sequence[str], total: int) -> Blocked:
    """The error for a version or constraint that nothing fits. Args: newest: the versions that are there."""
    shown = ", ".join(newest[:_SHOWN])
    there = f" among {total} (the newest: {shown})" if shown else ", and no version at all"
    named = f"chart {chart} " if chart else ""
    return Blocked(
        place.subject,
        f'{named}has no version that fits "{wanted}"{there}',
        field="spec.source.targetRevision",
        next_step="Publish it or correct targetRevision",
    )


def not_the_digest(place: Place, what: str, wanted: str, got: str) -> Blocked:
    """The error for contents other than the digest promises."""
    problem = f"{what} is not what its digest says: sha256 {got[:12]}… instead of {wanted[:12]}…"
    return Blocked(place.subject, problem, next_step="Publish it again, and find out who changed it")
