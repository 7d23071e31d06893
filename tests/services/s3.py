# SPDX-License-Identifier: Apache-2.0
"""An object store that speaks S3 over HTTP, on loopback: moto's server, which lsst.resources is tested with, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ("BUCKET", "running_s3")

BUCKET = "archive"


@contextmanager
def running_s3() -> Iterator[dict[str, str]]:
    """Start it with an empty bucket, and give the variables that its users have in the environment."""
    import boto3
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
        session = boto3.Session(*(keys[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")))
        session.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        yield {**keys, "S3_ENDPOINT_URL": endpoint}
    finally:
        server.stop()
