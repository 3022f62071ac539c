"""What every list of the API takes: how many rows, and where to go on."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

MOST_ROWS = 500

Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="How many rows at most.")]
Before = Annotated[UUID | None, Query(description="Go on with what is older than this id.")]
