"""Wires a gateway without any HTTP around it: for the application, the command line and tests."""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from app import __version__
from app.api.telling import teller
from app.engine.aftermath import Aftermath
from app.engine.cancel import Canceller
from app.engine.carriers import Carrier
from app.engine.channel_board import ChannelBoard
from app.engine.channels import ChannelDesk
from app.engine.configuration import Configuration
from app.engine.content_source import Sources
from app.engine.copying import Copier
from app.engine.counted_assets import CountedAssets
from app.engine.credentials import Credentials
from app.engine.fetch import Fetcher
from app.engine.figures import Figures
from app.engine.films import Films
from app.engine.formats import Formats
from app.engine.gateway import Gateway
from app.engine.guard import Guard
from app.engine.health import Health
from app.engine.heartbeats import Heartbeats
from app.engine.housekeeping import Housekeeping
from app.engine.http_carrier import HttpCarrier
from app.engine.kept_answers import KeptAnswers
from app.engine.late import Late
from app.engine.leases import Leases
from app.engine.links import Links
from app.engine.media import MediaDesk
from app.engine.orders import Orders
from app.engine.origins import Origins
from app.engine.overview import OverviewDesk
from app.engine.paces import Paces
from app.engine.planner import Planner
from app.engine.poll import Poller
from app.engine.pulse import Pulse
from app.engine.queue import Queue
from app.engine.rates import rates_of
from app.engine.records import Recorder
from app.engine.replays import Replays
from app.engine.results import Results
from app.engine.retention import Retention
from app.engine.running import Running
from app.engine.scrape import Scrape
from app.engine.secret import secrets_of
from app.engine.sessions import Sessions
from app.engine.storage import assets_of
from app.engine.submission import Desk
from app.engine.submit import Submitter
from app.engine.telemetry import Telemetry, traced
from app.engine.transport import Transport
from app.engine.variants import Variants
from app.engine.vendors import Vendors
from app.engine.watching import Bell, Watching
from app.engine.webhooks import Deliveries
from app.sandbox.service import SandboxTransport
from app.settings import Settings
from app.store.database import Database
from app.store.migrate import migrate
from app.store.secrets import Vault

_DELIVERY_SECONDS = 2.0  # that a shutdown waits for webhooks; what is cut off is told by another process


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Outside:
    """What tests replace: the way to vendors, the clocks and the dice."""

    upstream: Carrier | httpx.AsyncBaseTransport | None = None
    now: Callable[[], datetime] = _utc
    seconds: Callable[[], float] = time.monotonic
    rng: random.Random | None = None


@asynccontextmanager
async def idle_gateway(
    settings: Settings, outside: Outside | None = None, telemetry: Telemetry | None = None
) -> AsyncIterator[Gateway]:
    """A gateway on a migrated database that neither polls nor beats: for commands that only look or configure."""
    outside = outside or Outside()
    await migrate(settings.database)
    database = Database.open(settings.database)
    transport = _transport(settings, outside)
    gateway = _wired(settings, outside, database, transport, telemetry or Telemetry())
    try:
        await gateway.configuration.refresh()
        yield gateway
    finally:
        await gateway.rates.close()
        await gateway.submitter.desk.media.fetcher.aclose()
        await transport.aclose()
        await database.close()


@asynccontextmanager
async def running_gateway(
    settings: Settings, outside: Outside | None = None, telemetry: Telemetry | None = None
) -> AsyncIterator[Gateway]:
    """A gateway that polls and beats; leaving drains it and gives its leases back."""
    telemetry = telemetry or Telemetry()
    async with traced(telemetry, settings.otlp_endpoint, __version__), idle_gateway(settings, outside, telemetry) as gateway:
        await gateway.paces.load(gateway.database)
        await gateway.health.refresh()
        await gateway.leases.start()
        loops = [
            asyncio.create_task(loop, name=name)
            for name, loop in (
                ("poll", gateway.poller.run()),
                ("leases", gateway.leases.run()),
                ("configuration", gateway.configuration.watch(gateway.health.refresh)),
                ("queue", gateway.queue.run()),
                ("housekeeping", gateway.housekeeping.run()),
                ("copies", gateway.copier.run()),
                ("webhooks", gateway.deliveries.run()),
                ("pulse", gateway.pulse.run()),
            )
        ]
        try:
            yield gateway
        finally:
            await _stop(gateway, loops)


async def _stop(gateway: Gateway, loops: list[asyncio.Task[None]]) -> None:
    """Nothing new, then everything that was sent gets its answer, then the leases go back."""
    await gateway.drain()
    await gateway.poller.drain()
    await gateway.deliveries.drain(_DELIVERY_SECONDS)
    for loop in loops:
        loop.cancel()
    for loop in loops:
        with suppress(asyncio.CancelledError):
            await loop
    await gateway.paces.save(gateway.database)
    await gateway.leases.stop()


def _transport(settings: Settings, outside: Outside) -> Transport:
    sandbox = SandboxTransport(settings.data_dir / "sandbox", now=outside.now)
    return Transport(outside.upstream or HttpCarrier(), {"sandbox": sandbox})


def _wired(settings: Settings, outside: Outside, database: Database, transport: Transport, telemetry: Telemetry) -> Gateway:
    keys = secrets_of(settings)
    vault = Vault(keys)
    configuration, rng = Configuration(database, vault), outside.rng or random.SystemRandom()
    health = Health(database, outside.now)
    credentials, planner = Credentials(health), Planner(configuration, health, rng)
    storage = assets_of(settings)
    assets = CountedAssets(storage, telemetry.metrics)
    links = Links(keys, settings.public_url, settings.link_hours * 3600.0)
    orders, paces, watching = Orders(assets), Paces(), Watching()
    fetcher = Fetcher(Guard(settings.allow_hosts))
    aftermath = Aftermath(configuration, settings.keep_results, outside.now)
    worker = f"worker_{secrets.token_hex(8)}"
    recorder = Recorder(database, assets, paces, watching, aftermath, Bell(), outside.now, worker, telemetry)
    vendors = Vendors(transport, outside.now)
    poller = Poller(recorder, vendors, configuration, credentials, health, outside.now, outside.seconds)
    media = MediaDesk(fetcher, links, assets)
    results = Results(database, Sources(vendors, fetcher, assets), links, configuration, credentials)
    origins = Origins(database, results, links.public_url)
    formats = Formats(database, results, assets)
    copier = Copier(results, formats, outside.now, settings.keep_results, telemetry=telemetry)
    deliveries = Deliveries(
        *(database, vault, fetcher, teller(links), outside.now, outside.seconds, rng, formats.applied_soon), telemetry=telemetry
    )
    aftermath.copiers.append(copier)
    aftermath.wakes.append(deliveries.wake)
    desk = Desk(recorder, vendors, media, origins, credentials, health, orders, poller, outside.now)
    submitter, running = Submitter(desk), Running()
    late = Late(recorder, vendors, configuration, credentials, outside.now)
    return Gateway(
        settings=settings,
        database=database,
        vault=vault,
        configuration=configuration,
        health=health,
        planner=planner,
        queue=Queue(database, configuration, planner, orders, recorder, submitter, running, outside.now),
        late=late,
        housekeeping=Housekeeping(late, Retention(database, assets, settings.retention_days, outside.now)),
        replays=Replays(database, KeptAnswers(database, assets, vault), watching, outside.now, recorder.worker),
        rates=rates_of(database, recorder.worker, settings.redis_url, outside.now, outside.seconds),
        running=running,
        copier=copier,
        deliveries=deliveries,
        recorder=recorder,
        submitter=submitter,
        poller=poller,
        leases=Leases(database, recorder, poller, paces, Heartbeats(outside.seconds), outside.now, outside.now()),
        results=results,
        formats=formats,
        variants=Variants(database, results, Films(settings.data_dir), outside.now),
        canceller=Canceller(recorder, vendors, configuration, credentials, poller, orders, outside.now),
        assets=storage,
        links=links,
        sessions=Sessions(keys, configuration, outside.now),
        overview=OverviewDesk(
            database, configuration, ChannelBoard(ChannelDesk(database, vault, outside.now), health), outside.now
        ),
        pulse=Pulse(telemetry.metrics, poller, configuration),
        scrape=Scrape(telemetry.metrics, Figures(database, configuration, health, outside.now, outside.seconds, __version__)),
        origins=origins,
        paces=paces,
        watching=watching,
        now=outside.now,
    )
