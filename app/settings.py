"""Every setting, from `FILMGATE_*` environment variables or a `.env` file; the README's table lists the same names."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator can set. Unset values are read as the defaults below; secrets never appear in a repr."""

    model_config = SettingsConfigDict(
        env_prefix="FILMGATE_", env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True
    )

    database_url: str = Field(default="", description="SQLite in the data folder, or `postgresql+asyncpg://…`")
    data_dir: Path = Field(default=Path("data"), description="Folder for the database, the secret key and stored results")
    admin_key: SecretStr | None = Field(default=None, description="Admin key; made at first start and printed once if unset")
    secret_key: SecretStr | None = Field(
        default=None, description="Encrypts credentials and signs links; several, separated by commas, newest first"
    )
    public_url: str = Field(default="", description="What clients see, e.g. https://gate.example.com; used in links")
    storage_url: str = Field(
        default="", description="Where results are kept: `file:///…` or `s3://bucket/prefix`; the data folder if unset"
    )
    keep_results: bool = Field(
        default=True,
        description="Whether results are copied to the storage before their vendor's links die; channels and keys differ",
    )
    presigned_links: bool = Field(
        default=False, description="Whether links lead to the bucket itself, signed, where a copy is there"
    )
    accel_prefix: str = Field(
        default="",
        description="Internal location of an nginx in front that sends files of the storage's folder itself, by `X-Accel-Redirect`",
    )
    redis_url: str = Field(
        default="", repr=False, description="`redis://…`: request rates are shared through it by several machines"
    )
    allow_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Hosts and CIDRs that client-given URLs may reach although private, comma separated"
    )
    trusted_proxies: int = Field(
        default=0, ge=0, le=100, description="How many proxies of yours stand in front; X-Forwarded-For counts only then"
    )
    max_body_mb: int = Field(default=64, ge=1, description="Largest request body, in MiB")
    link_hours: int = Field(default=24, ge=1, description="How long a result link of ours lives")
    job_hours: float = Field(default=24, gt=0, description="Deadline of a video job, from its creation")
    image_minutes: float = Field(default=30, gt=0, description="Deadline of an image job, from its creation")
    drain_seconds: float = Field(default=60, ge=0, description="How long a shutdown waits for running requests")
    retention_days: float | None = Field(
        default=None, gt=0, le=36_500, description="Ended jobs older than this go, with their files; unset: they stay"
    )
    store_prompts: bool = Field(default=True, description="Whether prompts and media may be written down; a key can refuse, too")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="From which level on is logged")
    log_format: Literal["json", "text"] = Field(default="text", description="`text` for people, `json` for programs")
    access_log_sample: float = Field(
        default=1, ge=0, le=1, description="Share of GETs that went well which are logged; everything else always is"
    )
    metrics_token: SecretStr | None = Field(default=None, description="Bearer token that `/metrics` wants; open to all if unset")
    otlp_endpoint: str = Field(default="", description="Where traces go, e.g. http://collector:4318; needs the extra `otel`")

    @field_validator("allow_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("redis_url", mode="after")
    @classmethod
    def _of_a_redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @field_validator("accel_prefix", mode="after")
    @classmethod
    def _a_location(cls, value: str) -> str:
        if value and re.fullmatch(r"(?:/[A-Za-z0-9_-]+)+/?", value) is None:
            raise ValueError("must be the path of a location, such as /stored-results")
        return value.rstrip("/")

    @field_validator("public_url", mode="after")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite+aiosqlite:///{(self.data_dir / 'filmgate.db').absolute()}"

    @property
    def max_body(self) -> int:
        """The largest request body, in bytes."""
        return self.max_body_mb * 1024 * 1024
