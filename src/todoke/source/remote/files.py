"""Single files by URL."""

from todoke.model.errors import Blocked, Unreachable
from todoke.model.remotes import LARGEST_FILE
from todoke.model.sources import shown_url
from todoke.model.telemetry import Telemetry
from todoke.source.charts.client import Answer, Ask, Client
from todoke.source.charts.places import Place
from todoke.source.keyring import Keyring
from todoke.source.remote.guard import Guard
from todoke.source.urls import locate

_SECONDS = 30.0
_HOPS = 5
_NOT_THERE = (404, 410)
_TOO_BUSY = 429


class FilePlace(Place, frozen=True):
    """A file, and what opens it."""

    @property
    def subject(self) -> str:
        """How messages name it."""
        return f"File {shown_url(self.location.url)}"


class Files:
    """Fetches files. A login goes to the host of the Secret that it comes from alone."""

    def __init__(self, keyring: Keyring, guard: Guard, telemetry: Telemetry) -> None:
        self._keyring = keyring
        self._client = Client(_SECONDS, telemetry, guard)
        self._client.authority = keyring.authority

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def file(self, url: str) -> bytes | None:
        """The contents of a file; None where the server does not have it.

        Raises: Blocked: it is too large, may not be read, or lies where we do not ask. Unreachable: no answer in time.
        """
        place = self._place(url)
        answer = await self._asked(place)
        if answer.status in _NOT_THERE:
            return None
        if answer.status in (401, 403):
            step = "Add a repository or repo-creds Secret whose url it begins with"
            raise Blocked(place.subject, f"the server refuses it (HTTP {answer.status})", next_step=step)
        if answer.status == _TOO_BUSY or answer.status >= 500:
            raise Unreachable(place.subject, f"the server answered with HTTP {answer.status}")
        if not 200 <= answer.status < 300:
            raise Blocked(place.subject, f"the server answered with HTTP {answer.status}", next_step="Correct the URL")
        return answer.body

    async def _asked(self, place: Place) -> Answer:
        ask = Ask(place.location.url, "file", "it", LARGEST_FILE, place.location.url, hops=_HOPS)
        return await self._client.ask(place, ask)

    def _place(self, url: str) -> Place:
        location = locate(url)
        if location.scheme not in ("http", "https"):
            raise Blocked(f"File {shown_url(url)}", "is not fetched: only https:// and http:// are")
        login, options = self._keyring.login_at(location), self._keyring.options(location)
        return FilePlace(location, location.url, "", False, login, options)
