"""Lines on a terminal: the result on stdout, everything else on stderr, nothing that steers it. Loads nothing."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print a line that is not the result: progress, hints, warnings."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def clean(text: str) -> str:
    """Write on one line, with what could steer a terminal made visible."""
    return "".join(char if char.isprintable() else _visible(char) for char in text)


def _visible(char: str) -> str:
    return " " if char.isspace() else repr(char)[1:-1]
