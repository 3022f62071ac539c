"""The engine that scans reports: DuckDB in memory, with a limit, and with nothing but text in its columns.

Numbers are never read by it: its CSV and JSON numbers go through doubles. Its ``hash`` may change from one version to
the next, so what is made of it is kept only beside the version's name (see ``fingerprints_path``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from recoup.areas.rights.reading.unpacking import LONGEST_LINE, Plain

VERSION = f"duckdb {duckdb.__version__}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a comparison may use: ``memory`` in MB before it goes on in files beside the report, and threads."""

    memory: int = 256
    threads: int = 2


@contextmanager
def engine(work: Path, bounds: Bounds) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield an engine whose temporary files lie in ``work``."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(
            f"set threads = {bounds.threads}; set memory_limit = '{bounds.memory}MB';"
            f"set temp_directory = {literal(str(work / 'spill'))}; set preserve_insertion_order = true;"
            "set autoinstall_known_extensions = false; set autoload_known_extensions = false"
        )
        yield connection
    finally:
        connection.close()


def scan(plain: Plain) -> str:
    """Return the SQL that reads a report, row by row in its order; what is empty is NULL, quoted or not."""
    return csv_of(plain.path, plain.columns, header=True, ends=plain.ends)


def csv_of(path: Path, columns: Sequence[str], *, header: bool, ends: str = "\n") -> str:
    """Return the SQL that reads a CSV file as text."""
    # By itself it goes by the first line, where a carriage return in quotes misleads it; told of both characters, it
    # passes over every row without a word.
    told = "new_line = '\\n', " if ends == "\n" else ""
    typed = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv({literal(str(path))}, header = {str(header).lower()}, delim = ',', quote = '\"', escape = '\"', "
        f"{told}auto_detect = false, strict_mode = true, max_line_size = {LONGEST_LINE}, "
        f"columns = {{{typed}}})"
    )


def literal(text: str) -> str:
    """Write a text into SQL."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """Write the name of a column into SQL."""
    return '"' + text.replace('"', '""') + '"'
