"""How a worker that leaves parts from its connections: what was asked, or is just being asked, still gets its answer."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_ON_ITS_WAY = 1.0  # seconds in which what a client has already sent arrives


class PatientConnection(HttpToolsProtocol):
    """A connection that a shutdown does not close under a request, nor waits for longer than it has to.

    uvicorn closes every connection that has no request at that moment, also one that was accepted a moment ago and whose
    request has not been read yet: its client would be cut off without an answer. And it ends the lifespan after the last
    connection, so streams of events and long polls, which would last as long as the job, have to hear of it here.
    """

    _leaving = False

    def shutdown(self) -> None:
        self._leaving = True
        self.app_state["leave"]()  # what the application's lifespan gave
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(_ON_ITS_WAY, super().shutdown)
        else:
            super().shutdown()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._leaving and self.cycle is not None:
            self.cycle.keep_alive = False  # the answer says so, and the connection closes after it
