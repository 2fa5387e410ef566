"""Where files are kept: a folder or a bucket, as STORAGE_URL says."""

import asyncio
from datetime import timedelta
from os import environ
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.domain.errors import NotFound
from app.engine.assets import Assets, FolderAssets
from app.settings import Settings

# where the library of the store reads its endpoint
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
# how a credential is found without a key pair, or not needed
_ROLES = (
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_METADATA_ENDPOINT", "AWS_SKIP_SIGNATURE"),
)
_TRIAL = b"written by the gateway to see whether its storage works"
_TRIAL_SECONDS = 20.0


class WrongStorage(ValueError):
    """STORAGE_URL, or what belongs to it, cannot be used as it stands."""


def assets_of(settings: Settings) -> Assets:
    """The storage that the settings name; nothing is asked or written yet. Raises WrongStorage.

    A bucket's credential, region and endpoint are those of the usual AWS_… variables.
    """
    if not settings.storage_url:
        return FolderAssets(settings.data_dir / "files")
    try:
        parts = urlsplit(settings.storage_url)
    except ValueError as error:
        raise WrongStorage(f"STORAGE_URL is not a URL: {error}") from error
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path.strip("/"):
            raise WrongStorage("STORAGE_URL must name a folder of this machine: file:///var/lib/filmgate/files")
        return FolderAssets(Path(unquote(parts.path)))
    if parts.scheme != "s3":
        raise WrongStorage(f"STORAGE_URL must be file:///… or s3://bucket/prefix, not {parts.scheme or 'a path'}")
    if not parts.netloc or "@" in parts.netloc or ":" in parts.netloc or parts.query:
        raise WrongStorage("STORAGE_URL must be s3://bucket/prefix; credentials and endpoint come from the AWS_… variables")
    return _bucket(parts.netloc, unquote(parts.path).strip("/"))


async def tried(assets: Assets) -> None:
    """Writes, reads and removes a small file; raises OSError saying what does not work."""
    try:
        async with asyncio.timeout(_TRIAL_SECONDS):
            await _tried(assets)
    except TimeoutError as error:
        raise OSError(f"it does not answer within {_TRIAL_SECONDS:g} seconds") from error


async def _tried(assets: Assets) -> None:
    asset = await assets.put("trial", _TRIAL, "application/octet-stream")
    try:
        if b"".join([chunk async for chunk in assets.open(asset.name, 3, asset.size)]) != _TRIAL[3:]:
            raise OSError("it gives back something else than was written")
    except NotFound as error:
        raise OSError("what was written cannot be read") from error
    finally:
        await assets.delete(asset.name)
    try:
        await assets.stat(asset.name)
    except NotFound:
        return
    raise OSError("what was removed is still there")


def _bucket(name: str, prefix: str) -> Assets:
    # imported here: a gateway that keeps its files in a folder starts without it
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    from app.engine.object_assets import ObjectAssets

    endpoint = next((environ[variable] for variable in _ENDPOINTS if environ.get(variable)), "")
    _check_credential(endpoint)
    try:
        store = S3Store(
            name,
            prefix=prefix or None,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=10),
                "read_timeout": timedelta(seconds=60),
                "timeout": timedelta(hours=12),  # of a whole answer: a client may read its film slowly
            },
            retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=60)},
        )
    except (BaseError, ValueError) as error:
        raise WrongStorage(f"STORAGE_URL or an AWS_… variable cannot be used: {error}") from error
    return ObjectAssets(store)


def _check_credential(endpoint: str) -> None:
    known, secret = bool(environ.get("AWS_ACCESS_KEY_ID")), bool(environ.get("AWS_SECRET_ACCESS_KEY"))
    if known != secret:
        raise WrongStorage("an S3 storage needs both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither")
    if endpoint and not known and not any(environ.get(variable) for variable in _ROLES):
        raise WrongStorage(f"the S3 storage at {endpoint} needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
