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
            "CBR_OPERATOR_DENIED_NETWORKS": "",
        }
    )
    assert settings.namespaces == ("dr", "prod")
    assert settings.allowed_endpoints == ("http://127.0.0.1:*", "https://[::1]:8443")
    assert (settings.leader_election, settings.log_format) == (False, "text")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAMESPACES", "Has Blanks"),
        ("OPERATOR_NAMESPACE", "UPPER"),
        ("ALLOWED_ENDPOINTS", ""),
        ("ALLOWED_ENDPOINTS", "cbr.example.com"),
        ("ALLOWED_ENDPOINTS", "https://cbr.example.com/path"),
        ("ALLOWED_ENDPOINTS", "https://user@cbr.example.com"),
        ("DENIED_NETWORKS", "10.0.0.0/8"),
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


@pytest.mark.parametrize(
    "name", ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8080_TCP", "PORT_8080_TCP_ADDR"]
)
def test_what_kubernetes_adds_for_a_service_of_our_name_is_no_setting(name: str) -> None:
    assert read_settings({f"CBR_OPERATOR_{name}": "tcp://10.0.0.1:8080"}) == Settings()
