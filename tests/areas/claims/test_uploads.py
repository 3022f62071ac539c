"""Forms with files, as strangers send them: bounds hold, nothing stays behind, and names do no harm."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from recoup.areas.claims import incoming
from recoup.core.system import System
from support.claims import CARL, FIELDS, as_, claims_api, file_claim, pdf, policy_of, populate

MOST = 10 * 1024 * 1024
PDF = "application/pdf"


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


@pytest.fixture
def policy(system: System) -> int:
    return policy_of(system, populate(system)[CARL])


def left(system: System) -> list[Path]:
    """Return what lies about after requests."""
    return [
        *(system.home / "incoming").rglob("*"),
        *(Path(one.key) for one in system.ports.files.list("files/")),
    ]


def body_of(boundary: str, *parts: tuple[str, bytes]) -> bytes:
    """Put a form together: headers of each part, and its bytes."""
    made = b"".join(f"--{boundary}\r\n{headers}\r\n\r\n".encode() + data + b"\r\n" for headers, data in parts)
    return made + f"--{boundary}--\r\n".encode()


def field(name: str, value: str) -> tuple[str, bytes]:
    """Return a field of a form."""
    return f'Content-Disposition: form-data; name="{name}"', value.encode()


def fields(policy: int) -> list[tuple[str, bytes]]:
    """Return the fields of a claim."""
    return [field("user_policy_id", str(policy)), *(field(*one) for one in FIELDS.items())]


FILE = f'Content-Disposition: form-data; name="files"; filename="a.pdf"\r\nContent-Type: {PDF}'


def post(client: httpx2.Client, body: bytes, boundary: str = "x", **headers: str) -> httpx2.Response:
    """Send a form as it is."""
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return client.post("/claims", content=body, headers=as_(CARL, **{**kind, **headers}))


def test_a_file_that_is_a_byte_too_large_is_refused_and_gone(
    system: System, client: httpx2.Client, policy: int
) -> None:
    large = b"%PDF-1.7\n" + b"x" * (MOST + 1 - 9)
    answer = file_claim(client, policy, files=[("files", ("a.pdf", large, PDF))])
    assert (answer.status_code, "10 MB" in answer.json()["detail"]) == (413, True)
    body = body_of("x", *fields(policy), (FILE, large))

    def pieces() -> Iterator[bytes]:
        yield from (body[start : start + 65536] for start in range(0, len(body), 65536))

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/claims", content=pieces(), headers=as_(CARL, **kind))
    assert answer.status_code == 413
    assert left(system) == []


def test_a_body_without_an_end_is_cut(system: System, client: httpx2.Client, policy: int) -> None:
    address = client.base_url
    head = (
        f"POST /claims HTTP/1.1\r\nHost: {address.host}:{address.port}\r\nAuthorization: Bearer {CARL}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    begun = body_of("x", *fields(policy))[: -len("--x--\r\n")] + f"--x\r\n{FILE}\r\n\r\n".encode()
    chunk = b"y" * 65536
    sent = 0
    with socket.create_connection((address.host, address.port), timeout=20) as line:
        line.sendall(head.encode() + b"%x\r\n%b\r\n" % (len(begun), begun))
        try:
            while sent < 200 * 1024 * 1024:
                line.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                sent += len(chunk)
        except OSError:
            pass  # the server had enough
    assert sent < 60 * 1024 * 1024
    deadline = time.monotonic() + 10
    while left(system) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left(system) == []


def test_what_is_no_form_is_refused_at_once(system: System, client: httpx2.Client, policy: int) -> None:
    whole = body_of("x", *fields(policy), (FILE, pdf()))
    header = "X-Y: z\r\n"
    broken = {
        "no form": (b"{}", "x", {"Content-Type": "application/json"}),
        "no boundary": (whole, "x", {"Content-Type": "multipart/form-data"}),
        "no closing boundary": (whole[:-9], "x", {}),
        "another boundary": (whole, "y", {}),
        "a boundary of a megabyte": (whole, "x" * 60_000, {}),
        "10,000 parts": (body_of("x", *[field(f"f{number}", "1") for number in range(10_000)]), "x", {}),
        "10,000 headers": (body_of("x", (header * 10_000 + FILE, b"")), "x", {}),
        "a header of a megabyte": (body_of("x", (f"X-Y: {'z' * 900_000}\r\n{FILE}", b"")), "x", {}),
        "a part without a name": (body_of("x", ("Content-Disposition: form-data", b"1")), "x", {}),
        "a field twice": (body_of("x", *fields(policy), field("claim_amount", "1")), "x", {}),
        "a file as a field": (body_of("x", field("files", "1")), "x", {}),
        "a file under another name": (body_of("x", (FILE.replace('"files"', '"other"'), b"1")), "x", {}),
        "no text": (
            body_of("x", ('Content-Disposition: form-data; name="description"', b"\xff\xfe")),
            "x",
            {},
        ),
        "nothing": (b"", "x", {}),
    }
    for what, (body, boundary, headers) in broken.items():
        began = time.monotonic()
        answer = post(client, body, boundary, **headers)
        assert answer.status_code in {400, 431}, (what, answer.text)
        assert time.monotonic() - began < 5, what
    assert left(system) == []


def test_a_long_field_is_too_much(client: httpx2.Client, policy: int) -> None:
    answer = file_claim(client, policy, description="x" * 70_000)
    assert answer.status_code == 413


def test_nobody_uploads_without_signing_in(system: System, client: httpx2.Client, policy: int) -> None:
    sent = [("files", ("a.pdf", pdf(), PDF))]
    answer = client.post(
        "/claims", data={"user_policy_id": str(policy)}, files=sent, headers={"Authorization": "Bearer x"}
    )
    assert (answer.status_code, left(system)) == (401, [])


NAMES = (
    *(
        "../../x.pdf",
        "..\\x.pdf",
        "/etc/passwd.pdf",
        "a\u202efdp.pdf",
        "a\nb.pdf",
        "ü" * 300 + ".pdf",
        "\U0001f4c4.pdf",
    ),
    *("CON.pdf", ".pdf.pdf", "<script>.pdf", 'a;b="c".pdf', "a%00.pdf", "=1+1.pdf", "-rf.pdf"),
)


def test_a_name_does_no_harm_wherever_it_is_shown(system: System, client: httpx2.Client, policy: int) -> None:
    for name in NAMES:
        disposition = 'Content-Disposition: form-data; name="files"; filename="' + name.replace(
            "\\", "\\\\"
        ).replace('"', '\\"').replace("\n", "%0A")
        answer = post(
            client, body_of("x", *fields(policy), (f'{disposition}"\r\nContent-Type: {PDF}', pdf()))
        )
        assert answer.status_code == 200, (name, answer.text)
        (document,) = answer.json()["documents"]
        shown = document["file_name"]
        assert 0 < len(shown) <= 200
        assert not set(shown) & set('/\\<>"\n\r\0\u202e'), shown
        got = client.get(document["s3_url"])
        saved = got.headers["Content-Disposition"]
        assert saved.startswith("attachment; filename=")
        assert saved.isprintable()
        assert "/" not in saved.partition("filename*=")[0]
    keys = [one.key for one in system.ports.files.list("files/")]
    assert len(keys) == len(NAMES)
    assert all(key.rsplit("/", 1)[1].count("-") == 4 for key in keys)


def test_a_name_that_says_another_kind_is_refused(system: System, client: httpx2.Client, policy: int) -> None:
    for name in ("x.pdf\0.exe", "x", "pdf", ".htaccess", "x.pdf.exe", "x.exe", "x.png", "x."):
        answer = file_claim(client, policy, files=[("files", (name, pdf(), PDF))])
        assert answer.status_code == 415, (name, answer.text)
    assert left(system) == []


def test_what_a_crash_left_is_swept_after_a_day(system: System) -> None:
    begun = system.home / "incoming" / "tmpabc"
    begun.mkdir(parents=True)
    (begun / "0.in").write_bytes(b"half")
    incoming.sweep(system.home, now=datetime.now(UTC))
    assert begun.exists()
    incoming.sweep(system.home, now=datetime.now(UTC) + timedelta(days=2))
    assert not begun.exists()
