"""The bundle that ``hatch_build.py`` made: read once, served for ever under names that change with the content."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from markupsafe import Markup

from recoup.core.errors import Misconfigured, NotFound

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
PACKED = (("br", ".br"), ("gzip", ".gz"))

WORKER = "push-worker.js"
WORKER_CSP = "default-src 'none'; img-src data:; frame-ancestors 'none'"
"""What the worker may do: show the pictures that it holds itself, and ask nobody anything."""

router = APIRouter(include_in_schema=False)


@functools.cache
def manifest() -> Mapping[str, str]:
    """Return the file behind each entry of the bundle; raise Misconfigured where nobody made it."""
    try:
        names: dict[str, str] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(
            "The portal's scripts and styles were not built.", fix="Run `make assets`."
        ) from None
    return names


def url(entry: str) -> str:
    """Return the address of an entry: ``portal.css``."""
    return f"/static/{manifest()[entry]}"


@functools.cache
@functools.cache
def icon(name: str, label: str = "") -> Markup:
    """Return an icon as SVG: hidden from screen readers unless it has a label. Only icons of icons.txt are there."""
    shapes = _icons()[name]
    said = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    head = Markup(
        '<svg class="icon" width="20" height="20" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        'stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" {}>'
    ).format(said)
    return head + shapes + Markup("</svg>")


@functools.cache
def _icons() -> Mapping[str, Markup]:
    shapes: dict[str, str] = json.loads((FOLDER / "icons.json").read_text(encoding="utf-8"))
    return {name: Markup(shape) for name, shape in shapes.items()}  # noqa: S704 - our own build made it


@functools.cache
def _files() -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in FOLDER.iterdir() if not path.name.startswith(".")}


@router.get("/static/{name}")
def static(name: str, request: Request) -> Response:
    """Serve one file of the bundle, packed where the browser takes it so."""
    files, kind = _files(), TYPES.get(Path(name).suffix)
    if name not in files or kind is None:
        raise NotFound(f"There is no {name[:100]}.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    taken = request.headers.get("accept-encoding", "")
    for encoding, ending in PACKED:
        if encoding in taken and name + ending in files:
            headers["Content-Encoding"] = encoding
            return Response(files[name + ending], media_type=kind, headers=headers)
    return Response(files[name], media_type=kind, headers=headers)


@router.get("/desk/push-worker.js")
def worker() -> Response:
    """Serve what shows notices: under one name for ever, where its folder is the portal, and never from a cache."""
    headers = {"Content-Security-Policy": WORKER_CSP, "Cache-Control": "no-store"}
    return Response(_files()[manifest()[WORKER]], media_type=TYPES[".js"], headers=headers)


@router.get("/desk/app.webmanifest")
def home_screen() -> Response:
    """Say what the portal is on a home screen: a window of its own, without which iPhones show no notices."""
    icon_ = {"src": url("push-icon.png"), "sizes": "192x192", "type": "image/png"}
    said = {
        "name": "Recoup",
        "id": "/desk",
        "start_url": "/desk",
        "scope": "/",
        "display": "standalone",
        "icons": [icon_],
    }
    return JSONResponse(said, media_type="application/manifest+json", headers={"Cache-Control": "no-cache"})
