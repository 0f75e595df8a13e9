"""Which proxy a host is asked through."""

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from todoke.source.keyring import Options


def proxy_for(url: str, options: Options) -> str | None:
    """The proxy's URL, with the login that it bears: that of the Secret, else that of the environment."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if options.proxy:
        return None if bypassed(host, parts.port, options.no_proxy) else options.proxy.reveal()
    return None if proxy_bypass(host) else getproxies().get(parts.scheme)


def bypassed(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether a host is asked directly. Source: Go, golang.org/x/net/http/httpproxy, Config.NoProxy.

    Args: no_proxy: with commas: `*`, a domain (with all below it), `.domain` (all below it), an address, a CIDR block;
        each but the block may end with `:port`.
    """
    return any(_covers(rule.strip().lower(), host.lower(), port) for rule in no_proxy.split(",") if rule.strip())


def _covers(rule: str, host: str, port: int | None) -> bool:
    if rule == "*":
        return True
    if "/" in rule:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    name, colon, digits = rule.rpartition(":")
    if colon and digits.isdigit() and (":" not in name or name.endswith("]")):
        if int(digits) != port:
            return False
        rule = name
    rule = rule.strip("[]").removeprefix("*")
    return host.endswith(rule) if rule.startswith(".") else host == rule or host.endswith(f".{rule}")
