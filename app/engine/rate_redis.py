"""Redis as a place where requests are counted. Kept apart because importing the client takes a third of a second."""

from collections.abc import Callable

from limits.aio.storage import RedisStorage
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError

from app.engine.rate_source import AT_ONCE, RateSource

_PATIENCE = 2.0  # seconds for a connection and for an answer; a shorter one takes a busy moment of ours for a silent server
_AGAIN = 1  # for connections that went stale while nobody used them


def redis_source(url: str, seconds: Callable[[], float]) -> RateSource:
    """Counts at this `redis://`, `rediss://` or `unix://` address; connects when first asked."""
    pool = ConnectionPool.from_url(
        url,
        max_connections=AT_ONCE,
        socket_timeout=_PATIENCE,
        socket_connect_timeout=_PATIENCE,
        retry=Retry(NoBackoff(), _AGAIN, supported_errors=(NoConnection,)),
    )
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix="filmgate",
        connection_pool=pool,  # type: ignore[arg-type]  # it takes a pool, its annotation knows only plain values
    )
    return RateSource("Redis", storage, seconds, (RedisError, OSError), pool.aclose)
