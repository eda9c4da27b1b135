"""Logs and metrics."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import aiohttp
import pytest

from cbr_operator.telemetry.logs import JsonFormatter, TextFormatter, configure_logging
from cbr_operator.telemetry.metrics import Gauges, Metrics
from cbr_operator.telemetry.server import Check, ProbeServer


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "a.b", "levelno": 20, "levelname": "INFO", "msg": message, **extra})
    made.created = 0.5
    return made


def test_a_record_is_one_line_of_json_with_the_object() -> None:
    about = {"namespace": "dr", "name": "orders", "uid": "u"}
    line = JsonFormatter().format(record("two\nlines", object=about, http_status=200, request_id=""))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "info",
        "logger": "a.b",
        "message": "two\nlines",
        "object": about,
        "http_status": 200,
    }


def test_the_object_that_kopf_speaks_of_is_named_too() -> None:
    line = JsonFormatter().format(record("x", k8s_ref={"namespace": "dr", "name": "orders", "uid": "u"}, k8s_skip=True))
    assert json.loads(line)["object"] == {"namespace": "dr", "name": "orders", "uid": "u"}
    assert "k8s" not in line


def test_extra_fields_do_not_replace_a_record_s_own() -> None:
    told = json.loads(JsonFormatter().format(record("x", level="loud", time=7)))
    assert (told["level"], told["time"]) == ("info", "1970-01-01T00:00:00.500+00:00")


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_ends_the_process_is_logged(form: str) -> None:
    program = f"from cbr_operator.telemetry.logs import configure_logging; configure_logging('info', {form!r}); 1 / 0"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    if form == "json":
        told = json.loads(done.stderr)
        assert (told["level"], told["message"]) == ("critical", "Ended by an error: ZeroDivisionError")
        assert "division by zero" in told["traceback"]
    else:
        assert "CRITICAL Ended by an error" in done.stderr
        assert "division by zero" in done.stderr


def test_a_traceback_is_part_of_its_record() -> None:
    try:
        int("broken")
    except ValueError:
        made = record("failed", exc_info=sys.exc_info())
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert "ValueError: invalid literal" in json.loads(line)["traceback"]


def test_text_names_the_object_behind_the_message() -> None:
    line = TextFormatter("%(message)s").format(record("waits", object={"namespace": "dr", "name": "orders"}))
    assert line == "waits [dr/orders]"
    line = TextFormatter("%(message)s").format(record("lags", k8s_ref={"namespace": "dr", "name": "orders"}))
    assert line == "lags [dr/orders]"
    assert TextFormatter("%(message)s").format(record("starts")) == "starts"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level, excepthook = logger.handlers[:], logger.level, sys.excepthook
    yield logger
    sys.excepthook = excepthook
    logger.handlers[:] = handlers
    logger.setLevel(level)
    logging.captureWarnings(capture=False)
    for name in ("kopf", "kopf._core.reactor.running", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_libraries_are_quiet_unless_everything_is_asked_for(root: logging.Logger) -> None:
    configure_logging("info", "json")
    assert len(root.handlers) == 1
    assert not logging.getLogger("kopf.anything").isEnabledFor(logging.INFO)
    assert logging.getLogger("cbr_operator.x").isEnabledFor(logging.INFO)
    configure_logging("debug", "text")
    assert logging.getLogger("kopf.anything").isEnabledFor(logging.DEBUG)


def metrics() -> Metrics:
    copies = {("dr", "a1", "region2", "b2"): 1.75e9}
    return Metrics(Gauges(lambda: {"Replicating": 2}, lambda: copies, lambda: 5, lambda: 1.5, lambda: True))


def test_metrics_are_made_anew_after_two_seconds_however_often_they_are_asked_for() -> None:
    asked, now = [0], [100.0]

    def replications() -> dict[str, int]:
        asked[0] += 1
        return {"Replicating": asked[0]}

    told = Metrics(Gauges(replications, dict, lambda: 5, lambda: 1.5, lambda: True), now=lambda: now[0])
    before = asked[0]
    first = told.render()
    now[0] += 1.9
    assert (told.render(), asked[0]) == (first, before + 1)
    now[0] += 0.1
    assert (told.render() != first, asked[0]) == (True, before + 2)


def test_counters_and_gauges_are_rendered() -> None:
    told = metrics()
    told.count_submission("Submitted")
    told.count_cloud_request("replicate", "200", 0.2)
    told.count_status_write("written")
    told.count_dropped_event()
    text = told.render().decode()
    for line in (
        'cbr_operator_submissions_total{outcome="Submitted"} 1.0',
        'cbr_operator_cloud_requests_total{code="200",operation="replicate"} 1.0',
        'cbr_operator_cloud_request_seconds_bucket{le="0.25",operation="replicate"} 1.0',
        'cbr_operator_status_writes_total{result="written"} 1.0',
        "cbr_operator_events_dropped_total 1.0",
        'cbr_operator_replications{reason="Replicating"} 2.0',
        'destination_region="region2",destination_vault="b2",namespace="dr",source_vault="a1"} 1.75e+09',
        "cbr_operator_queue_depth 5.0",
        "cbr_operator_watch_age_seconds 1.5",
        "cbr_operator_leader 1.0",
        "process_resident_memory_bytes",
    ):
        assert line in text


async def test_probes_say_why_and_never_hang() -> None:
    found = {"live": Check(ok=True, words="alive"), "ready": Check(ok=False, words="not yet")}

    def broken() -> Check:
        raise RuntimeError("a defect")

    server = ProbeServer(live=lambda: found["live"], ready=lambda: found["ready"], metrics=metrics().render)
    failing = ProbeServer(live=broken, ready=broken, metrics=metrics().render)
    port, other = await server.start("127.0.0.1", 0), await failing.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            for url, status, words in (
                (f"http://127.0.0.1:{port}/livez", 200, "alive"),
                (f"http://127.0.0.1:{port}/readyz", 503, "not yet"),
                (f"http://127.0.0.1:{port}/metrics", 200, "cbr_operator_leader"),
                (f"http://127.0.0.1:{other}/livez", 500, "see the log"),
            ):
                async with session.get(url) as answer:
                    assert (answer.status, words in await answer.text()) == (status, True)
        with pytest.raises(OSError, match="address"):
            await ProbeServer(live=broken, ready=broken, metrics=metrics().render).start("127.0.0.1", port)
    finally:
        await server.stop()
        await failing.stop()
