"""Logs on standard error: one JSON record a line, or text for people."""

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

logger = logging.getLogger(__name__)

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "settings",  # these three are Kopf's
    "k8s_ref",
    "k8s_skip",
}
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
        if about := _object_of(record):
            fields["object"] = about
        extra = {key: value for key, value in vars(record).items() if key not in _OWN and key not in fields}
        fields.update({key: value for key, value in extra.items() if value not in (None, "", {})})
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


class TextFormatter(logging.Formatter):
    """A line for people, with the object's name where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, and its traceback."""
        line = super().format(record)
        about = _object_of(record)
        return f"{line} [{about.get('namespace')}/{about.get('name')}]" if about else line


def _object_of(record: logging.LogRecord) -> dict[str, Any]:
    """The object a record is about: namespace, name and uid as far as known; empty without one."""
    about = getattr(record, "object", None)
    if isinstance(about, dict):
        return about
    reference = getattr(record, "k8s_ref", None)  # how Kopf names the object it speaks of
    return {key: reference.get(key) for key in ("namespace", "name", "uid")} if isinstance(reference, dict) else {}


def configure_logging(level: str, form: str) -> None:
    """Send all logs to standard error; ``level`` is debug to error, ``form`` json or text.

    Kopf and aiohttp speak only from warnings up, unless everything is asked for. What ends the process is a record too.
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
    sys.excepthook = _log_the_end


def _log_the_end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    logger.critical("Ended by an error: %s", kind.__name__, exc_info=(kind, error, traceback))
