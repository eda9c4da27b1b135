"""The kinds users write: their spec and status, their conditions and reasons. No I/O happens here."""
