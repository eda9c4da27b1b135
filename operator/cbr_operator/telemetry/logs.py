"""Logs on standard error: one JSON record a line, or text for people."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "settings"}
"""Attributes every record has; whatever else it has was passed in ``extra``."""
_NOISY = {
    "kopf": logging.WARNING,
    "kopf._core.reactor.running": logging.ERROR,  # warns at each start that it does not handle signals: we do
    "aiohttp": logging.WARNING,
    "asyncio": logging.WARNING,
}


class JsonFormatter(logging.Formatter):
    """One JSON object a record, tracebacks included; ``extra`` fields stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        extra = {key: value for key, value in vars(record).items() if key not in _OWN}
        reference = extra.pop("k8s_ref", None)  # how Kopf names the object it speaks of
        if isinstance(reference, dict):
            fields["object"] = {"namespace": reference.get("namespace"), "name": reference.get("name")}
        extra.pop("k8s_skip", None)
        fields.update({key: value for key, value in extra.items() if value not in (None, "", {})})
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


class TextFormatter(logging.Formatter):
    """A line for people, with the object's name where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, and its traceback."""
        line = super().format(record)
        about = getattr(record, "object", None)
        return f"{line} [{about.get('namespace')}/{about.get('name')}]" if isinstance(about, dict) else line


def configure_logging(level: str, form: str) -> None:
    """Send all logs to standard error; ``level`` is debug to error, ``form`` json or text.

    Kopf and aiohttp speak only from warnings up, unless everything is asked for.
    """
    handler = logging.StreamHandler(sys.stderr)
    text = TextFormatter("%(asctime)s %(levelname)-7s %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, quiet in _NOISY.items():
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else quiet)
    logging.captureWarnings(capture=True)
