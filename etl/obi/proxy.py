"""Which proxy stands between us and the interface, by the environment's own settings.

``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` (networks such as ``10.0.0.0/8`` too) or the
system's. aiohttp could read them itself, but would then also send a ``.netrc``'s credentials unasked.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from etl.errors import ConfigError


def proxy_for(url: URL) -> URL | None:
    """The proxy for ``url``, None for a direct connection; this machine itself is always direct.

    Raises ConfigError for a proxy that is no HTTP proxy, or no URL at all.
    """
    host = url.host or ""
    proxies = getproxies()
    if host == "localhost" or _in_network(host, "127.0.0.0/8,::1") or proxy_bypass(host):
        return None
    if _in_network(host, proxies.get("no", "")):
        return None
    setting = proxies.get(url.scheme) or proxies.get("all")
    if not setting:
        return None
    try:
        proxy = URL(setting if "://" in setting else f"http://{setting}")
    except ValueError:
        raise ConfigError(
            f"The environment names a proxy that is no URL; mend {url.scheme.upper()}_PROXY."
        ) from None
    if proxy.scheme not in {"http", "https"}:
        raise ConfigError(
            f"The environment names a {proxy.scheme} proxy, and only HTTP proxies work here: "
            f"set {url.scheme.upper()}_PROXY to one, or NO_PROXY={host}."
        )
    return proxy


def _in_network(host: str, networks: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    for network in networks.split(","):
        try:
            if address in ip_network(network.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False
