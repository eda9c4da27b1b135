"""Which addresses may be connected to, in every spelling an attacker may think of."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_operator.rules.access import is_allowed, parse_pattern, problem_with
from cbr_operator.rules.addresses import AddressRules, named_addresses, refusal

PATTERNS = (parse_pattern("https://*.example.com"), parse_pattern("http://127.0.0.1:*"), parse_pattern("http://[::1]"))
RULES = AddressRules(
    denied=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
    api_server=frozenset({ip_address("172.20.0.1")}),
    named=named_addresses(PATTERNS),
)

REFUSED = [
    ("127.0.0.2", "loopback"),
    ("127.255.255.254", "loopback"),
    ("::", "unspecified"),
    ("0.0.0.0", "unspecified"),  # noqa: S104 - nothing is bound
    ("0.1.2.3", "unspecified"),
    ("169.254.169.254", "link-local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("224.0.0.1", "multicast"),
    ("ff02::1", "multicast"),
    ("172.20.0.1", "API server"),
    ("10.1.2.3", "denied network 10.0.0.0/8"),
    ("fd12::1", "denied network fd00::/8"),
    # the same in IPv6's many words for IPv4
    ("::ffff:169.254.169.254", "link-local"),
    ("::ffff:a9fe:a9fe", "link-local"),
    ("::ffff:127.0.0.2", "loopback"),
    ("::127.0.0.2", "loopback"),
    ("64:ff9b::169.254.169.254", "link-local"),
    ("64:ff9b:1::7f00:2", "loopback"),
    ("2002:a9fe:a9fe::1", "link-local"),
    ("::ffff:10.1.2.3", "denied network"),
    ("::ffff:172.20.0.1", "API server"),
    ("not an address", "unusual spelling"),
    ("2130706433", "unusual spelling"),
]


@pytest.mark.parametrize(("address", "part"), REFUSED)
@pytest.mark.parametrize("literal", [True, False])
def test_what_may_not_be_connected_to(address: str, part: str, *, literal: bool) -> None:
    assert part in RULES.problem(address, literal)


@pytest.mark.parametrize("address", ["198.51.100.7", "192.168.1.1", "2001:db8::1", "172.20.0.2", "64:ff9b::c633:6407"])
def test_what_may(address: str) -> None:
    assert RULES.problem(address, literal=False) == ""


def test_a_pattern_that_names_an_address_allows_just_that_and_no_name_that_leads_to_it() -> None:
    assert RULES.problem("127.0.0.1", literal=True) == ""
    assert RULES.problem("::1", literal=True) == ""
    assert "loopback" in RULES.problem("127.0.0.1", literal=False)
    assert "loopback" in RULES.problem("::ffff:127.0.0.1", literal=True)


def test_a_pattern_of_stars_names_no_address() -> None:
    stars = (parse_pattern("https://*.*.*.*:*"),)
    assert is_allowed("https://169.254.169.254", stars)
    assert named_addresses(stars) == frozenset()
    assert "link-local" in refusal("https://169.254.169.254", stars, AddressRules(named=named_addresses(stars)))


ODD = [
    *("http://2130706433", "http://0x7f000001", "http://0x7f.0.0.1", "http://0x7f.1", "http://127.1"),
    *("http://0177.0.0.1", "http://127.0.0.01", "http://127.0.0.1.", "http://1.2.3.4.5", "http://example.1"),
    "http://127.0.0.0x1",
]


@pytest.mark.parametrize("url", ODD)
def test_odd_spellings_of_addresses_are_no_hosts(url: str) -> None:
    assert "unusual spelling of an address" in problem_with(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "https://a1.example.com", "https://1a.example", "http://[::1]"]
)
def test_ordinary_hosts_are_none(url: str) -> None:
    assert problem_with(url) == ""


def test_a_pattern_names_an_address_for_what_it_matches_itself_and_not_for_others() -> None:
    patterns = (parse_pattern("http://127.0.0.1:8080"), parse_pattern("https://*.*.*.*:*"))
    assert refusal("http://127.0.0.1:8080", patterns, AddressRules()) == ""
    assert "loopback" in refusal("https://127.0.0.1:6443", patterns, AddressRules())


def test_why_a_url_may_not_be_called() -> None:
    assert refusal("https://cbr.example.com", PATTERNS, RULES) == ""
    assert refusal("http://127.0.0.1:8080", PATTERNS, RULES) == ""
    allowed = "https://*.example.com, http://127.0.0.1:*, http://[::1]"
    assert refusal("http://cbr.example.com", PATTERNS, RULES) == f"the operator allows only {allowed}"
    assert "user information" in refusal("https://me@cbr.example.com", PATTERNS, RULES)


@given(st.one_of(st.ip_addresses(v=4, network="127.0.0.0/8"), st.ip_addresses(v=4, network="169.254.0.0/16")))
def test_no_form_of_a_refused_ipv4_address_slips_through(address: IPv4Address) -> None:
    number = int(address)
    forms = [
        IPv6Address(0xFFFF00000000 | number),
        IPv6Address(number),
        IPv6Address((0x2002 << 112) | (number << 80)),
        IPv6Address((0x0064FF9B << 96) | number),
    ]
    assert all(AddressRules().problem(str(each), literal=True) for each in (address, *forms))
