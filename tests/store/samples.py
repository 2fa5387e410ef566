"""Jobs, tries and channels to store, with every field set or none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.domain.attempts import Attempt
from app.domain.capabilities import Price
from app.domain.channels import Channel, Credential, Key
from app.domain.jobs import Failure, Job, JobStatus, Output, Stage, Usage
from app.domain.media import Media, MediaType, Role
from app.domain.prices import Terms
from app.domain.requests import ImageRequest, Mode, Notice, VideoRequest

NOW = datetime(2026, 3, 1, 12, 30, 15, 123457, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HARD_TEXT = "a 🎬 clip of 𠜎 and é\u202e, 'quoted' \"twice\"; DROP TABLE jobs; -- %s :name ?"


def job(number: int = 1, *, key_id: str = "key_a", op: str = "video", client_task_id: str | None = None) -> Job:
    """A fresh job; a higher number is one second younger."""
    if op == "video":
        wish = VideoRequest(model="film-1", mode=Mode.T2V, prompt="a paper boat", client_task_id=client_task_id)
        return _job(number, key_id, wish)
    return _job(number, key_id, ImageRequest(model="film-1", mode=Mode.T2I, prompt="a paper boat", client_task_id=client_task_id))


def _job(number: int, key_id: str, wish: VideoRequest | ImageRequest) -> Job:
    made = NOW + number * SECOND
    return Job(
        id=f"job_{number:06}",
        key_id=key_id,
        model=wish.model,
        asked=wish,
        request=wish,
        created_at=made,
        updated_at=made,
        deadline_at=made + 3600 * SECOND,
    )


def full_job() -> Job:
    """A job without a single field left at its default, save its row number and parent, which the store gives or checks."""
    picture = Media(MediaType.IMAGE, Role.FIRST_FRAME, "https://media.example.com/a.png", param="image_url")
    wish = VideoRequest(
        model="film-1",
        mode=Mode.I2V,
        prompt=HARD_TEXT + " \0",
        media=(picture,),
        duration=5.5,
        seed=7,
        client_task_id="their-🎫",
        vendor={"deep": {"list": [1, None, "\0", 2**70]}},
        named={"duration": "seconds"},
    )
    return Job(
        id="job_full",
        key_id="key_a",
        model="film-1",
        asked=wish,
        request=replace(wish, duration=5),
        status=JobStatus.IN_PROGRESS,
        stage=Stage.ACCEPTED,
        progress=41,
        adapter="acme",
        channel_id="ch_1",
        credential_id="cred_1",
        upstream_model="acme-film-v1",
        upstream_id="up-🎞",
        settings={"region": "north", "nested": {"on": True}},
        facts={"path": "/v1/tasks"},
        outputs=(Output(url="https://cdn.example.com/x.mp4", mime="video/mp4", asset="a/b", width=1280, height=720, part="job_p"),),
        failure=Failure("generation_failed", HARD_TEXT, "E\0-17", billed=True),
        partial_failures=(Failure("content_policy_violation", "one of two"),),
        usage=Usage(seconds=5.0, images=1, input_tokens=2, output_tokens=3, total_tokens=5, micros=7),
        notices=(Notice("adjusted:duration", "duration", 5.5, 5), Notice("dropped:seed", "seed", 7)),
        seconds=5.04,
        resolution="720p",
        aspect_ratio="16:9",
        seed=2**64 - 1,
        fps=24,
        remixed_from="job_old",
        terms=Terms(price=Price(unit="second", usd={"720p": Decimal("0.05"), "*": Decimal("0.0123456789")}), ratio=Decimal("1.5")),
        reserved=375_000,
        cost=2**40,
        private=True,
        fingerprint="f" * 64,
        inputs=("order-1.json", "upload-1.png"),
        created_at=NOW,
        updated_at=NOW + SECOND,
        deadline_at=NOW + 2 * SECOND,
        accepted_at=NOW + 3 * SECOND,
        started_at=NOW + 4 * SECOND,
        completed_at=NOW + 5 * SECOND,
        expires_at=NOW + 6 * SECOND,
        late_due=NOW + 7 * SECOND,
        late_at=NOW + 8 * SECOND,
        callback_url="https://app.example.com/hook",
        base_url="https://gate.example.com",
        copy_due=NOW + 9 * SECOND,
        copy_tries=3,
    )


def attempt(of: Job, number: int = 1) -> Attempt:
    """A try whose answer is awaited."""
    return Attempt(
        job_id=of.id,
        number=number,
        channel_id="ch_1",
        channel_name="first 🎥",
        credential_id="cred_1",
        started_at=NOW,
        call={"method": "POST", "path": "/v1/tasks", "json": {"prompt": HARD_TEXT + "\0"}},
        outcome="sending",
    )


def key(number: int = 1) -> Key:
    """A key with every field set."""
    return Key(
        id=f"key_{number}",
        name=HARD_TEXT,
        hash=f"{number:064x}",
        hint="sk-ab",
        groups=frozenset({"default", "studio"}),
        models=frozenset({"film-1"}),
        expires_at=NOW,
        strict=True,
        allowed_ips=("10.0.0.0/8", "2001:db8::1"),
        rpm=7,
        max_concurrency=3,
        budget=2**40,
        budget_period="month",
        allow_unpriced=True,
        store_prompts=False,
        keep_results=True,
        callback_url="https://app.example.com/hook",
        enabled=False,
        created_at=NOW,
    )


def channel(number: int = 1, *credentials: Credential) -> Channel:
    """A channel with every field set."""
    return Channel(
        id=f"ch_{number}",
        name=f"{HARD_TEXT} {number}",
        adapter="acme",
        base_url="https://api.example.com/v1",
        credentials=credentials,
        models={"film-1": "acme-film-v1"},
        groups=frozenset({"default", "studio"}),
        priority=3,
        weight=5,
        max_concurrency=4,
        keep_results=False,
        price_ratio=Decimal("1.10"),
        prices={"film-1": {"unit": "second", "usd": "0.05"}},
        set_fields={"safety": {"level": 1}},
        drop_fields=("seed",),
        settings={"region": "north"},
        enabled=False,
        created_at=NOW,
    )
