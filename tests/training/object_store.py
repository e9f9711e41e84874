"""An S3 server in this process, and what tests ask of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "bucket"


@contextmanager
def emulated_s3() -> Iterator[str]:
    """Serve an empty bucket while the block runs; yields the endpoint.

    The environment names the endpoint and credentials, as a user's does.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client().create_bucket(Bucket=BUCKET)
        yield endpoint
    server.stop()


def client():
    return boto3.client("s3")


def keys(prefix: str = "") -> list[str]:
    """Every object below a prefix, the empty ones that stand for folders left out."""
    found = client().list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return sorted(one["Key"] for one in found if not one["Key"].endswith("/"))


def content(key: str) -> bytes:
    return client().get_object(Bucket=BUCKET, Key=key)["Body"].read()


def put(key: str, body: bytes) -> None:
    client().put_object(Bucket=BUCKET, Key=key, Body=body)
