"""The address of a store, read here or in a child process, with or without what S3 needs."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from recoup.adapters.disk import FolderStore
from recoup.adapters.s3 import S3Store
from recoup.adapters.stores import open_store
from recoup.core.errors import Misconfigured
from recoup.sandbox import s3 as sandbox


def test_a_path_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(str(tmp_path))
    assert isinstance(store, FolderStore)
    assert store.name == str(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert open_store("some/folder").name == str(tmp_path / "some" / "folder")


def test_an_address_in_s3_names_bucket_prefix_endpoint_and_region() -> None:
    store = open_store("s3://bucket/a%20b/c/?endpoint=http://127.0.0.1:9000&region=eu-central-1")
    assert isinstance(store, S3Store)
    assert (store.bucket, store.prefix) == ("bucket", "a b/c/")
    assert (store.endpoint, store.region) == ("http://127.0.0.1:9000", "eu-central-1")
    assert store.name == "s3://bucket/a b/c"
    plain = open_store("s3://bucket")
    assert isinstance(plain, S3Store)
    assert (plain.prefix, plain.endpoint, plain.region, plain.name) == ("", None, None, "s3://bucket")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("s3://", "bucket"),
        ("s3:///prefix", "bucket"),
        ("s3://key:secret@bucket", "credentials"),
        ("s3://bucket?access_key=secret", "access_key"),
        ("gs://bucket", "gs://bucket"),
        ("https://user:secret@host/bucket", "host"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_a_sentence(address: str, says: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        open_store(address)
    assert says in refusal.value.sentence()
    assert "secret" not in refusal.value.sentence()


@pytest.mark.parametrize("endpoint", ["nonsense", "http://", "http://exa mple"])
def test_an_endpoint_that_cannot_be_is_a_mistake_in_the_settings(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured):
        list(open_store(f"s3://bucket?endpoint={endpoint}").list(""))


@pytest.mark.parametrize(
    ("bucket", "host", "path"),
    [
        ("bucket", "bucket.s3.eu-central-1.amazonaws.com", "/pre/k"),
        ("a.bucket", "s3.eu-central-1.amazonaws.com", "/a.bucket/pre/k"),  # no certificate fits its own host
    ],
)
def test_links_to_aws_go_to_the_buckets_region(
    bucket: str, host: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    store = open_store(f"s3://{bucket}/pre?region=eu-central-1")
    link = store.link("k", name="x.pdf", expires=timedelta(hours=1))
    assert link is not None
    parts = urlsplit(link)
    assert (parts.hostname, parts.path) == (host, path)
    assert parse_qs(parts.query)["X-Amz-Expires"] == ["3600"]


NO_BOTO3 = """
import sys
sys.modules["botocore"] = None
from recoup.adapters.stores import open_store
from recoup.core.errors import Misconfigured
open_store("/tmp")
try:
    open_store("s3://bucket")
except Misconfigured as missing:
    print(missing.sentence())
"""


def test_without_boto3_a_folder_works_and_s3_says_what_to_install() -> None:
    child = subprocess.run([sys.executable, "-c", NO_BOTO3], check=True, capture_output=True, text=True)
    assert "recoup[s3]" in child.stdout


def test_a_folder_loads_nothing_of_s3() -> None:
    load = "import sys; from recoup.adapters.stores import open_store; open_store('/tmp')"
    program = f"{load}; print('botocore' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert child.stdout.strip() == "False"


def test_a_spawned_child_opens_a_store_by_its_address(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(open_store, [str(tmp_path)]).name == str(tmp_path)
        assert pool.apply(open_store, ["s3://bucket/prefix"]).name == "s3://bucket/prefix"
        pool.close()
        pool.join()
