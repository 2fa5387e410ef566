"""Changes whose outcome nobody asks for."""

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.prepared import Parameters


async def put(connection: AsyncConnection, statement: Executable, parameters: Parameters) -> None:
    """Makes a change of which nobody asks what came of it, at the latest with the commit.

    On PostgreSQL, in a unit of work, it is made together with others: each question to that server costs more than its answer.
    An error may so be raised by a later statement or the commit. What the unit changes after it must not depend on it by more
    than the table; what it asks after it may.
    """
    await getattr(connection, "put", connection.execute)(statement, parameters)
