"""The door for downloads: a signed link opens one file, until it is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from recoup.core.downloads import attachment
from recoup.core.errors import Forbidden
from recoup.core.ids import parse_id
from recoup.core.system import System
from recoup.office.files import rules, service
from recoup.web.deps import system_of

router = APIRouter(tags=["files"])

CHUNK = 256 * 1024


@router.get(
    "/files/{file_id}", response_class=StreamingResponse, summary="Download a file by its signed link"
)
def download(
    file_id: str, system: Annotated[System, Depends(system_of)], expires: str = "", signature: str = ""
) -> StreamingResponse:
    """Stream the file as an attachment. The signature is checked before anything is looked up."""
    wanted = parse_id(file_id)
    secret = service.signing_secret(system.home)
    now = system.clock()
    problem = rules.check(secret, wanted, expires=expires, signature=signature, now=now)
    if problem is not None:
        raise Forbidden(problem, fix="Ask for a new one where you found it.")
    with system.sessions.begin() as db:
        file = service.get(db, wanted)
        service.check_stands(db, file)
    stack = ExitStack()
    body = stack.enter_context(service.open_file(system.ports.files, file))
    return StreamingResponse(
        _chunks(stack, body, size=file.size),
        headers={
            # Set here and not as media_type, to which Starlette would add a charset that nobody knows.
            "Content-Type": file.media_type,
            "Content-Length": str(file.size),
            "Content-Disposition": attachment(file.name),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "private, no-store",
        },
    )


def _chunks(stack: ExitStack, body: BinaryIO, *, size: int) -> Iterator[bytes]:
    """Yield the body. One that ends early breaks the connection, so that nobody takes half a file for a whole."""
    left = size
    with stack:
        while left and (chunk := body.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
    if left:
        # No failure with a status: that was sent long ago.
        raise ConnectionAbortedError(f"The store ended {left} of {size} bytes early.")
