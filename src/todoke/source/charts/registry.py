"""Reading an OCI registry. Source: OCI distribution specification; Docker, "Token authentication"."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from todoke.model.errors import Blocked, DeliveryError, Unreachable
from todoke.source.charts import refusals
from todoke.source.charts.client import Answer, Ask, Client
from todoke.source.charts.places import Place
from todoke.source.urls import same_place

DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_ACCEPTED = ", ".join((_MANIFEST, _DOCKER_MANIFEST, *_INDEXES))
_MOST_PAGES, _MOST_TAGS = 200, 100_000
_PAGE = 1000
_MOST_MANIFEST_BYTES = 4 * 1024 * 1024
_MOST_TAGS_BYTES = 16 * 1024 * 1024
_USUAL_SECONDS = 60.0  # for which a token is good that does not say it
_EARLY = 10.0  # seconds before its end in which a token is not used any more
_MOST_TOKENS = 1000
_CHALLENGE = re.compile(r"\s*(\w+)\s*=\s*(?:\"([^\"]*)\"|([^\s,]+))\s*(?:,|$)")


class Layer(msgspec.Struct, frozen=True, rename="camel"):
    """A file of an artifact."""

    digest: str
    media_type: str = ""
    size: int = 0


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What an artifact consists of."""

    media_type: str = ""
    config: Layer | None = None
    layers: tuple[Layer, ...] = ()
    manifests: tuple[Mapping[str, Any], ...] = ()
    schema_version: int = 0

    @property
    def is_index(self) -> bool:
        """Whether it is a list of images, one for each kind of machine, and no artifact."""
        return self.media_type in _INDEXES or bool(self.manifests)


class _Token(msgspec.Struct, frozen=True):
    header: str
    until: float


class Registry:
    """Requests to all registries, with the tokens that they gave."""

    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        """Args: clock: seconds that never go back."""
        self._client, self._clock = client, clock
        self._tokens: dict[tuple[str, str], _Token] = {}

    async def tags(self, place: Place, name: str) -> list[str] | None:
        """All tags, in the registry's order; None when there is no repository of that name."""
        url = f"{place.url}/v2/{name}/tags/list?n={_PAGE}"
        found: list[str] = []
        for _ in range(_MOST_PAGES):
            ask = Ask(url, "tags", f"the tags of {name}", _MOST_TAGS_BYTES, place.url)
            answer = await self._asked(place, name, ask)
            if answer.status == 404:
                return None
            if answer.status != 200:
                raise refusals.http_error(place, ask.what, answer.status)
            found += _decoded(place, ask, answer.body, _Tags).tags or ()
            following = _next_page(answer.headers.get("link", ""))
            if not following:
                return found
            url = urljoin(url, following)
            if not same_place(place.url, url) or len(found) > _MOST_TAGS:
                break
        problem = f"has more than {_MOST_TAGS} tags of {name}, or lists them in circles or at another host"
        raise Blocked(place.subject, problem, next_step="Write an exact tag or version as targetRevision")

    async def manifest(self, place: Place, name: str, reference: str) -> tuple[str, bytes] | None:
        """Digest in hex digits and text of a manifest by its tag or `sha256:…`; None when it is not there.

        Raises: Blocked: it is not what its digest says.
        """
        ask = self._manifest_ask(place, name, reference, "GET")
        answer = await self._asked(place, name, ask)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise refusals.http_error(place, ask.what, answer.status)
        digest = hashlib.sha256(answer.body).hexdigest()
        for promised in (reference, answer.headers.get("docker-content-digest", "")):
            match = DIGEST.fullmatch(promised)
            if match and match[1] != digest:
                raise refusals.not_the_digest(place, ask.what, match[1], digest)
        return digest, answer.body

    async def digest(self, place: Place, name: str, tag: str) -> str:
        """Digest in hex digits of what a tag names now; "" when it is not there."""
        answer = await self._asked(place, name, self._manifest_ask(place, name, tag, "HEAD"))
        if answer.status == 404:
            return ""
        match = DIGEST.fullmatch(answer.headers.get("docker-content-digest", ""))
        if answer.status == 200 and match:
            return match[1]
        found = await self.manifest(place, name, tag)
        return found[0] if found else ""

    async def blob(self, place: Place, name: str, layer: Layer, most_bytes: int) -> bytes:
        """A file of an artifact. Raises: Blocked: it is not what its digest says, or too large."""
        wanted = DIGEST.fullmatch(layer.digest)
        what = f"the layer {layer.digest[:19]} of {name}"
        if wanted is None:
            problem = f"{what} has a digest other than sha256, which this version cannot check"
            raise Blocked(place.subject, problem)
        if layer.size > most_bytes:
            raise Blocked(place.subject, f"{what} is larger than {most_bytes / 1024 / 1024:.3g} MiB")
        url = f"{place.url}/v2/{name}/blobs/{layer.digest}"
        answer = await self._asked(place, name, Ask(url, "blob", what, most_bytes, place.url, unpack=False))
        if answer.status != 200:
            raise refusals.http_error(place, what, answer.status)
        digest = hashlib.sha256(answer.body).hexdigest()
        if digest != wanted[1]:
            raise refusals.not_the_digest(place, what, wanted[1], digest)
        return answer.body

    def _manifest_ask(self, place: Place, name: str, reference: str, method: str) -> Ask:
        url = f"{place.url}/v2/{name}/manifests/{quote(reference, safe=':')}"
        what = f"{name}{'@' if ':' in reference else ':'}{reference}"
        headers = {"Accept": _ACCEPTED}
        return Ask(url, "manifest", what, _MOST_MANIFEST_BYTES, place.url, headers, method=method)

    async def _asked(self, place: Place, name: str, ask: Ask) -> Answer:
        """The answer, with a token where the registry wants one."""
        key = (place.identity, name)
        token = self._tokens.get(key)
        known = token if token is not None and self._clock() < token.until else None
        answer = await self._client.ask(place, _with(ask, known.header if known else None))
        if answer.status != 401:
            return answer
        scheme, _, rest = answer.headers.get("www-authenticate", "").partition(" ")
        if scheme.lower() != "bearer":
            return answer
        fresh = await self._token(place, name, _parameters(rest))
        if len(self._tokens) >= _MOST_TOKENS:
            self._tokens.clear()
        self._tokens[key] = fresh
        return await self._client.ask(place, _with(ask, fresh.header))

    async def _token(self, place: Place, name: str, challenge: Mapping[str, str]) -> _Token:
        realm = challenge.get("realm", "")
        try:
            parts = urlsplit(realm)
            proper = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            proper = False
        if not proper:
            raise Blocked(place.subject, "names no address where a token can be had")
        if place.url.startswith("https:") and parts.scheme != "https":
            raise Blocked(place.subject, f"wants our login to be sent to {parts.hostname} without TLS")
        query = {"service": challenge.get("service", ""), "scope": challenge.get("scope") or f"repository:{name}:pull"}
        told = urlencode({key: value for key, value in query.items() if value})
        url = f"{realm}{'&' if parts.query else '?'}{told}"
        ask = Ask(url, "token", f"a token to read {name}", _MOST_MANIFEST_BYTES, url)
        answer = await self._client.ask(place, ask)
        if answer.status != 200:
            raise refusals.http_error(place, ask.what, answer.status)
        given = _decoded(place, ask, answer.body, _Given)
        text = given.token or given.access_token
        if not text or not text.isprintable():
            raise Unreachable(place.subject, f"gave no token to read {name}")
        return _Token(f"Bearer {text}", self._clock() + max(given.expires_in or _USUAL_SECONDS, _EARLY) - _EARLY)


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


class _Given(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    expires_in: float | None = None


def decode_manifest(place: Place, what: str, body: bytes) -> Manifest:
    """A manifest's text, read.

    Raises: Blocked: it is none, or a list of several.
    """
    try:
        manifest = msgspec.json.decode(body, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Blocked(place.subject, f"{what} has a manifest that cannot be read") from error
    if manifest.is_index:
        problem = f"{what} is an index of several images"
        raise Blocked(place.subject, problem, next_step="Name one of them by its digest")
    return manifest


def tag_of(version: str) -> str:
    """The tag of a version: tags have no `+`. Source: Helm, "Use OCI-based registries"."""
    return version.replace("+", "_")


def version_of(tag: str) -> str:
    """The version that a tag stands for."""
    return tag.replace("_", "+")


def _with(ask: Ask, header: str | None) -> Ask:
    return ask if header is None else msgspec.structs.replace(ask, authorization=header)


def _decoded(place: Place, ask: Ask, body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _no_registry(place, ask) from error


def _no_registry(place: Place, ask: Ask) -> DeliveryError:
    return Unreachable(place.subject, f"does not answer as an OCI registry does when asked for {ask.what}")


def _parameters(challenge: str) -> dict[str, str]:
    return {name.lower(): quoted or plain for name, quoted, plain in _CHALLENGE.findall(challenge)}


def _next_page(link: str) -> str:
    for part in link.split(","):
        target, _, rest = part.strip().partition(">")
        if target.startswith("<") and re.search(r'rel="?next"?', rest):
            return target[1:]
    return ""
