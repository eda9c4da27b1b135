"""Which network addresses may be connected to (docs/kinds/cbrconnection.md, "Fields").

Pure; asked of each address just before that.

A name is written by a user and resolved by whoever owns it: what it leads to must not be this machine, its
neighbours, the cloud's metadata service, the API server, or a network that the administrator denied.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from cbr_operator.rules.access import REMEMBERED, EndpointPattern, is_allowed, problem_with

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_THIS_NETWORK = ip_network("0.0.0.0/8")
"""RFC 1122, section 3.2.1.3: "this host on this network"; Linux takes 0.0.0.0 for itself."""
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
"""RFC 6052 and RFC 8215: an IPv4 address in its last 32 bits."""
_COMPATIBLE = ip_network("::/96")
"""RFC 4291, section 2.5.5.1, deprecated: likewise."""


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What may not be connected to, and the exceptions that the allow-list makes by naming an address itself."""

    denied: tuple[Network, ...] = ()
    """CBR_OPERATOR_DENIED_NETWORKS."""
    api_server: frozenset[Address] = frozenset()
    named: frozenset[Address] = frozenset()
    """Addresses that are the host of a pattern."""

    def problem(self, address: str, literal: bool) -> str:  # noqa: FBT001 - the form in which the cloud's client asks
        """What is wrong with connecting to this address, e.g. ``a loopback address``; empty when nothing is.

        ``literal``: it stands in the URL itself, so a pattern may have named it; a name that leads to it has not.
        """
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return "an unusual spelling of an address"
        if literal and parsed in self.named:
            return ""
        return next(filter(None, map(self._problem, (parsed, *_embedded(parsed)))), "")

    def _problem(self, address: Address) -> str:
        kinds = {
            "the address of the Kubernetes API server": address in self.api_server,
            "an unspecified address": address.is_unspecified or address in _THIS_NETWORK,
            "a loopback address": address.is_loopback,
            "a link-local address": address.is_link_local,
            "a multicast address": address.is_multicast,
        }
        found = next((name for name, holds in kinds.items() if holds), "")
        denied = next((each for each in self.denied if address in each), None)
        return found or (f"in the denied network {denied}" if denied is not None else "")


NO_RULES_OF_ITS_OWN = AddressRules()


@lru_cache(REMEMBERED)
def refusal(url: str, patterns: tuple[EndpointPattern, ...], rules: AddressRules) -> str:
    """Why this URL may not be called, as far as its own words tell; empty when it may."""
    if problem := problem_with(url):
        return problem
    if not is_allowed(url, patterns):
        return f"the operator allows only {', '.join(map(str, patterns))}"
    host = urlsplit(url).hostname or ""
    if _parsed(host) is None:
        return ""
    matching = [each for each in patterns if is_allowed(url, (each,))]
    problem = replace(rules, named=named_addresses(matching)).problem(host, literal=True)
    return f"its host is {problem}" if problem else ""


def named_addresses(patterns: Iterable[EndpointPattern]) -> frozenset[Address]:
    """The addresses that patterns name as their host."""
    return frozenset(found for each in patterns if (found := _parsed(each.host)) is not None)


def _parsed(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _embedded(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address stands for: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return []
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo is not None else None
    compatible = address in _COMPATIBLE and int(address) > 1  # :: and ::1 are what they are
    found = [address.ipv4_mapped, address.sixtofour, teredo]
    found.append(last if compatible or any(address in each for each in _NAT64) else None)
    return [each for each in found if each is not None]
