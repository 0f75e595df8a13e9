"""Whether a Secret names a proxy for a URL."""

from urllib.parse import urlsplit

from todoke.model.credentials import SecretText
from todoke.source.charts.proxies import bypassed
from todoke.source.keyring import Options


def proxy_of(url: str, options: Options) -> SecretText | None:
    """The proxy's URL; empty when this one is asked directly; None when the environment says."""
    if not options.proxy:
        return None
    parts = urlsplit(url)
    return SecretText() if bypassed(parts.hostname or "", parts.port, options.no_proxy) else options.proxy
