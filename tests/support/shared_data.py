"""Real files that tests may read: beside the checkout, or where RECOUP_SHARED says; skipped where they are absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2].parent / "shared"


def shared_data(folder: str) -> Path:
    """Return a folder of the shared data, or skip the test with the reason."""
    path = Path(os.environ.get("RECOUP_SHARED", BESIDE)) / "data" / folder
    if not path.is_dir():
        pytest.skip(f"the shared data folder {folder} is not beside this checkout (or set RECOUP_SHARED)")
    return path
