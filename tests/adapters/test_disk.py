"""What is particular to a store that is a folder: paths, links, half-written files, and other programs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from recoup.adapters.disk import FolderStore
from recoup.core.errors import Changed, Conflict, Invalid, Misconfigured, NotFound

TEXT = "text/plain"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(root)


def write(store: FolderStore, key: str, text: str = "text") -> None:
    store.put(key, io.BytesIO(text.encode()), media_type=TEXT)


def keys(store: FolderStore, prefix: str = "") -> list[str]:
    return sorted(info.key for info in store.list(prefix))


def every_way_in(store: FolderStore, key: str) -> list[Callable[[], object]]:
    def read() -> bytes:
        with store.open(key) as body:
            return body.read()

    return [
        read,
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: write(store, key),
        lambda: store.put_if_absent(key, io.BytesIO(b"evil"), media_type=TEXT),
    ]


@pytest.mark.parametrize(
    "key",
    [
        "../secret",
        "a/../../secret",
        "/etc/passwd",
        "..",
        "a/..",
        "..\\secret",
        "a\\..\\b",
        "a\0/../secret",
        "./secret",
    ],
)
def test_no_key_leads_out_of_the_root(store: FolderStore, root: Path, key: str) -> None:
    secret = root.parent / "secret"
    secret.write_text("secret")
    for way in every_way_in(store, key):
        with pytest.raises(Invalid):
            way()
    assert secret.read_text() == "secret"
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("prefix", ["../", "/etc/", "a/../../", "a\\b/", "a//b"])
def test_no_prefix_leads_out_of_the_root(store: FolderStore, root: Path, prefix: str) -> None:
    (root.parent / "secret").write_text("secret")
    with pytest.raises(Invalid):
        list(store.list(prefix))


def test_a_link_to_a_file_is_neither_read_nor_listed_nor_written_through(
    store: FolderStore, root: Path
) -> None:
    secret = root.parent / "secret"
    secret.write_text("secret")
    (root / "link").symlink_to(secret)
    read, head, delete, put, put_if_absent = every_way_in(store, "link")
    for way in [read, head, delete]:
        with pytest.raises(Misconfigured, match="symbolic link"):
            way()
    with pytest.raises(Misconfigured, match="symbolic link"):
        keys(store)
    assert keys(store, "other") == []
    with pytest.raises(Conflict):
        put_if_absent()
    put()  # takes the link's place, and leaves what it pointed to
    assert secret.read_text() == "secret"
    assert not (root / "link").is_symlink()


def test_nothing_is_done_behind_a_link_to_a_folder(store: FolderStore, root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("secret")
    (root / "a").mkdir()
    (root / "a" / "link").symlink_to(outside)
    for key in ["a/link/file", "a/link/new", "a/link/x/y"]:
        for way in every_way_in(store, key):
            with pytest.raises(Misconfigured, match="symbolic link"):
                way()
    for prefix in ["", "a/", "a/l", "a/link/", "a/link/f"]:
        with pytest.raises(Misconfigured, match="symbolic link"):
            keys(store, prefix)
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "secret"


def test_the_root_itself_may_be_a_link(store: FolderStore, root: Path) -> None:
    write(store, "a/b")
    (root.parent / "alias").symlink_to(root)
    assert keys(FolderStore(root.parent / "alias")) == ["a/b"]


def test_a_missing_root_is_an_error_and_never_an_empty_store(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "not-mounted")
    for way in [lambda: keys(store), lambda: keys(store, "some/prefix"), *every_way_in(store, "k")]:
        with pytest.raises(Misconfigured, match="not-mounted") as refusal:
            way()
        assert "mount" in refusal.value.sentence()
    assert not (tmp_path / "not-mounted").exists()


def test_a_root_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured):
        keys(FolderStore(tmp_path / "file"))


def test_a_file_that_is_being_written_is_invisible(store: FolderStore, root: Path) -> None:
    class Looks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            seen.append((keys(store), [path.suffix for path in root.rglob("*") if path.is_file()]))
            return super().read(size)

    seen: list[tuple[list[str], list[str]]] = []
    store.put("a/k", Looks(b"x" * 600_000), media_type=TEXT)
    assert seen[1:] == [([], [".part"])] * len(seen[1:])
    assert keys(store) == ["a/k"]
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["k"]


def test_what_a_killed_writer_left_is_no_object(store: FolderStore, root: Path) -> None:
    (root / "half.part").write_text("half")
    assert keys(store) == []
    with pytest.raises(NotFound):
        store.head("half.part")
    with pytest.raises(NotFound), store.open("half.part"):
        pass


KILLED = """
import io, os, sys
from pathlib import Path
from recoup.adapters.disk import FolderStore

class Dies(io.BytesIO):
    def read(self, size=-1):
        data = super().read(size)
        return data or os.kill(os.getpid(), 9)

FolderStore(Path(sys.argv[1])).put("k", Dies(b"new" * 200_000), media_type="text/plain")
"""


def test_a_writer_that_is_killed_leaves_the_old_object(store: FolderStore, root: Path) -> None:
    write(store, "k", "old")
    child = subprocess.run([sys.executable, "-c", KILLED, str(root)], check=False)
    assert child.returncode == -9
    with store.open("k") as body:
        assert body.read() == b"old"
    assert keys(store) == ["k"]
    assert len(list(root.glob("*.part"))) == 1


@pytest.mark.parametrize("change", ["append", "truncate", "rewrite"])
@pytest.mark.parametrize("portion", [1000, 400_000, 1_000_000, -1])
def test_a_file_that_changes_while_it_is_read_is_noticed(
    store: FolderStore, root: Path, change: str, portion: int
) -> None:
    text = b"0123456789" * 80_000
    write(store, "k", text.decode())
    path = root / "k"

    def disturb() -> None:
        os.utime(path, ns=(0, 0))  # the clock of a file may be coarser than this test is fast
        if change == "truncate":
            os.truncate(path, 500_000)
        else:
            with path.open("ab" if change == "append" else "r+b") as file:
                file.write(b"more")

    def read() -> int:
        with store.open("k") as body:
            size = len(body.read(100))
            disturb()
            while chunk := body.read(portion):
                size += len(chunk)
            return size

    with pytest.raises(Changed, match="no longer the version"):
        read()


def test_the_last_byte_is_not_handed_out_of_a_changed_file_to_who_knows_the_size(
    store: FolderStore, root: Path
) -> None:
    write(store, "k", "x" * 1000)
    with store.open("k") as body:
        os.utime(root / "k", ns=(0, 0))
        with pytest.raises(Changed):
            body.read(1000)


def test_a_file_that_is_replaced_while_it_is_read_is_read_to_its_end(store: FolderStore) -> None:
    write(store, "k", "old" * 300_000)
    with store.open("k") as body:
        start = body.read(10)
        write(store, "k", "new" * 300_000)
        assert start + body.read() == b"old" * 300_000


def test_an_etag_tells_files_apart_that_have_size_and_time_in_common(store: FolderStore, root: Path) -> None:
    for name in ["a", "b"]:
        write(store, name, "same size")
        os.utime(root / name, ns=(1, 1))
    assert store.head("a").etag != store.head("b").etag


def test_a_name_that_no_key_can_have_is_named_and_not_passed_over(store: FolderStore, root: Path) -> None:
    (root / "back\\slash").write_text("")
    with pytest.raises(Misconfigured, match="backslash"):
        keys(store)
    (root / "back\\slash").unlink()
    Path(os.fsdecode(bytes(root) + b"/latin\xe9")).write_text("")
    with pytest.raises(Misconfigured, match="UTF-8") as refusal:
        keys(store)
    refusal.value.sentence().encode()
    assert keys(store, "other") == []


def test_pipes_and_folders_are_no_objects(store: FolderStore, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()
    assert keys(store) == []
    for key in ["pipe", "folder"]:
        read, head, *_ = every_way_in(store, key)
        for way in [read, head]:
            with pytest.raises(NotFound):
                way()


def test_a_name_is_a_file_or_a_folder(store: FolderStore) -> None:
    write(store, "a/b")
    write(store, "c")
    for key in ["a", "c/d", "c/d/e"]:
        *_, put, put_if_absent = every_way_in(store, key)
        for way in [put, put_if_absent]:
            with pytest.raises(Conflict, match="taken"):
                way()
    assert keys(store) == ["a/b", "c"]


LISTS = """
import sys
from pathlib import Path
from recoup.adapters.disk import FolderStore

store, opened = FolderStore(Path(sys.argv[1])), []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
found = [info.key for info in store.list(sys.argv[2], start_after=sys.argv[3])]
opened = [Path(path).name for path in opened if "site-packages" not in path and not path.endswith((".py", ".pyc"))]
print(*found, "|", *sorted(opened))
"""


@pytest.mark.parametrize(
    ("prefix", "after", "says"),
    [
        ("", "", "2025/07/a 2025/08/b 2026/07/c | 07 07 08 2025 2026 store"),
        ("2025/07", "", "2025/07/a | 07 2025 store"),
        ("2025/07/", "", "2025/07/a | 07 2025 store"),
        ("2025/0", "2025/07/b", "2025/08/b | 07 08 2025 store"),
        ("2025/0", "2025/08", "2025/08/b | 08 2025 store"),
        ("", "2025/09", "2026/07/c | 07 2025 2026 store"),
        ("", "3", "| store"),
    ],
)
def test_only_folders_that_can_match_are_opened(
    store: FolderStore, root: Path, prefix: str, after: str, says: str
) -> None:
    for key in ["2025/07/a", "2025/08/b", "2026/07/c"]:
        write(store, key)
    command = [sys.executable, "-c", LISTS, str(root), prefix, after]
    child = subprocess.run(command, check=True, capture_output=True, text=True)
    found, _, opened = child.stdout.strip().partition("|")
    assert f"{' '.join(sorted(found.split()))} |{opened}".strip() == says


def test_a_long_listing_is_not_held_in_memory(store: FolderStore, root: Path) -> None:
    for n in range(3000):
        (root / f"{n:04}").touch()
    list(store.list("0"))
    tracemalloc.start()
    try:
        count = sum(1 for _ in store.list(""))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 3000
    assert peak < 50_000, f"{peak} bytes"


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_listing_that_is_left_closes_its_folders(store: FolderStore) -> None:
    for n in range(5):
        write(store, f"a/b/{n}")
    before = open_files()
    listing = store.list("")
    next(listing)
    assert open_files() > before
    del listing
    assert open_files() == before


LIMITED = """
import io, os, resource, signal, sys
from pathlib import Path
from recoup.adapters.disk import FolderStore
from recoup.core.errors import Unavailable

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
store = FolderStore(Path(sys.argv[1]))
for write in (store.put, store.put_if_absent):
    try:
        write("k", io.BytesIO(b"x" * 2_000_000), media_type="text/plain")
    except Unavailable as full:
        print(full.sentence())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.put("k", io.BytesIO(b"y" * 2_000_000), media_type="text/plain")
"""


def test_a_full_disk_leaves_nothing_and_the_next_write_works(store: FolderStore, root: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, str(root)], check=False, capture_output=True, text=True
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.count("There is no space for 'k'") == 2
    assert [path.name for path in root.iterdir()] == ["k"]
    assert store.head("k").size == 2_000_000


FORBIDDEN = """
import io, os, sys
from pathlib import Path
from recoup.adapters.disk import FolderStore
from recoup.core.errors import Misconfigured

if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
store = FolderStore(Path(sys.argv[1]))
def read():
    with store.open("secret/k") as body: body.read()
for way in (read, lambda: list(store.list("")), lambda: store.put("k", io.BytesIO(b""), media_type="")):
    try:
        way()
    except Misconfigured as refusal:
        print(refusal.sentence())
"""


def test_a_folder_without_rights_is_a_mistake_in_the_settings() -> None:
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to other accounts
        root = Path(place)
        write(FolderStore(root), "secret/k")
        (root / "secret").chmod(0)
        root.chmod(0o555)
        child = subprocess.run(
            [sys.executable, "-c", FORBIDDEN, place], check=False, capture_output=True, text=True
        )
        root.chmod(0o700)
        (root / "secret").chmod(0o700)
    assert child.returncode == 0, child.stderr
    assert child.stdout.count("Give the account that runs Recoup the right") == 3
