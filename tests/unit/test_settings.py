"""Settings: defaults, what is refused and how, and what Kubernetes puts beside them."""

import pytest

from cbr_operator.rules.access import parse_pattern
from cbr_operator.settings import Settings, SettingsError, read_settings


def test_defaults() -> None:
    settings = read_settings({"PATH": "/bin", "KUBECONFIG": "x"})
    assert (settings.namespaces, settings.http_port, settings.leader_election, settings.workers) == ((), 8080, True, 16)
    assert (settings.request_timeout_seconds, settings.settle_seconds) == (60, 120)
    assert len(settings.allowed_endpoints) == 8
    for pattern in settings.allowed_endpoints:
        parse_pattern(pattern)


def test_values_are_read() -> None:
    settings = read_settings(
        {
            "CBR_OPERATOR_NAMESPACES": " dr , prod,",
            "CBR_OPERATOR_ALLOWED_ENDPOINTS": "http://127.0.0.1:*, https://[::1]:8443",
            "CBR_OPERATOR_LEADER_ELECTION": "false",
            "CBR_OPERATOR_LOG_FORMAT": "text",
            "CBR_OPERATOR_DENIED_NETWORKS": "10.0.0.0/8, fd00::/8",
        }
    )
    assert settings.namespaces == ("dr", "prod")
    assert settings.allowed_endpoints == ("http://127.0.0.1:*", "https://[::1]:8443")
    assert settings.denied_networks == ("10.0.0.0/8", "fd00::/8")
    assert (settings.leader_election, settings.log_format) == (False, "text")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAMESPACES", "dr,x" + 63 * "x"),
        ("ALLOWED_ENDPOINTS", "ftp://cbr.example.com"),
        ("ALLOWED_ENDPOINTS", "https://"),
        ("ALLOWED_ENDPOINTS", "https://cbr..example.com"),
        ("ALLOWED_ENDPOINTS", "https://cbr.example.com:99999"),
        ("ALLOWED_ENDPOINTS", "https://cbr.example.com:0"),
        ("ALLOWED_ENDPOINTS", "https://cbr.example.com?x"),
        ("HTTP_PORT", "1\n2"),
        ("SETTLE_SECONDS", "nan"),
        ("PORT", "8080"),
        ("NAMESPACES", "Has Blanks"),
        ("OPERATOR_NAMESPACE", "UPPER"),
        ("ALLOWED_ENDPOINTS", ""),
        ("ALLOWED_ENDPOINTS", "cbr.example.com"),
        ("ALLOWED_ENDPOINTS", "https://cbr.example.com/path"),
        ("ALLOWED_ENDPOINTS", "https://user@cbr.example.com"),
        ("DENIED_NETWORKS", "10.0.0.1/8"),
        ("DENIED_NETWORKS", "10.0.0.0/8 fd00::/8"),
        ("DENIED_NETWORKS", "example.com"),
        ("HTTP_PORT", "http"),
        ("HTTP_PORT", "70000"),
        ("LEADER_ELECTION", "perhaps"),
        ("LEASE_DURATION_SECONDS", "0"),
        ("WORKERS", "0"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("SETTLE_SECONDS", "-1"),
        ("POLL_MIN_SECONDS", "500"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("WORKER", "16"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_settings({f"CBR_OPERATOR_{name}": value})
    line = str(raised.value)
    assert f"CBR_OPERATOR_{name}" in line
    assert "\n" not in line


def test_of_several_values_the_wrong_one_is_named() -> None:
    with pytest.raises(SettingsError, match="'https://x/path' is not of the form"):
        read_settings({"CBR_OPERATOR_ALLOWED_ENDPOINTS": "https://a.example.com, https://x/path"})


@pytest.mark.parametrize("service", ["", "METRICS_", "HTTP_"])
def test_what_kubernetes_adds_for_a_service_of_our_name_is_no_setting(service: str) -> None:
    links = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8080",
        "SERVICE_PORT_HTTP": "8080",
        "PORT": "tcp://10.0.0.1:8080",
        "PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "PORT_8080_TCP_PROTO": "tcp",
        "PORT_8080_TCP_PORT": "8080",
        "PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    assert read_settings({f"CBR_OPERATOR_{service}{name}": value for name, value in links.items()}) == Settings()
