"""``relevo-broker serve``: one process, one port, TLS 1.3, until a signal drains it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence

import structlog
import uvicorn
import uvloop

from broker import tls
from broker.app import make_app
from broker.config import Config
from broker.context import Broker
from broker.running import running
from protocol.drivers.memory import keep_buffers
from protocol.errors import Code, RelevoError
from protocol.link import MAX_MESSAGE

_log = structlog.get_logger("broker.serving")

BACKLOG = 2_048
DRAIN_S = 10
KEEP_ALIVE_S = 75
HANDSHAKE_S = 10.0
TLS_CLOSE_S = 2.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(config: Config, announce: Callable[[str], None], *, accept_clock: bool = False) -> None:
    """Run until SIGTERM or SIGINT; ``announce`` gets the https URL once connections are accepted.

    Args:
        accept_clock: the clock is right although the log was written at later times.

    Raises:
        RelevoError: ``conflict`` when the address cannot be listened on; as ``broker.running``.
    """
    keep_buffers()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, announce, accept_clock))


async def _serve(config: Config, announce: Callable[[str], None], accept_clock: bool) -> None:
    context = tls.server_context(config.certificate, config.certificate_key)
    with _listen(config) as listener:
        async with running(config, accept_clock=accept_clock) as broker:
            server = _Server(_uvicorn(broker, context), lambda: announce(_url(config, listener)))
            loop = asyncio.get_running_loop()
            for number in _SIGNALS:
                loop.add_signal_handler(number, _stop, broker, server)
            try:
                await server.serve(sockets=[listener])
            finally:
                for number in _SIGNALS:
                    # One more signal must not cut short the orderly end.
                    loop.remove_signal_handler(number)
                    signal.signal(number, signal.SIG_IGN)


class _Server(uvicorn.Server):
    """Says when it is ready, and leaves signals to us."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, with deadlines on the TLS handshake and on its close, which it has no words for:
        a peer that says nothing must neither take up a place nor hold up the drain."""
        await self.lifespan.startup()
        config = self.config

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )

        loop = asyncio.get_running_loop()
        self.servers: list[asyncio.base_events.Server] = [
            await loop.create_server(
                protocol,
                sock=listener,
                ssl=config.ssl,
                backlog=config.backlog,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=TLS_CLOSE_S,
            )
            for listener in sockets or ()
        ]
        self.started = True
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _stop(broker: Broker, server: uvicorn.Server) -> None:
    """First signal: take nothing new, tell everybody, finish. Second: do not wait for anybody."""
    if server.should_exit:
        server.force_exit = True
        return
    _log.info("draining")
    broker.drain.begin()
    server.should_exit = True


def _uvicorn(broker: Broker, context: ssl.SSLContext) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(broker),
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        # Own heartbeats; compression costs 40 KiB a link (7-dependencies.md).
        ws_ping_interval=None,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        ssl_context_factory=lambda _config, _default: context,
    )


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RelevoError(Code.CONFLICT, f"cannot listen on {config.host}:{config.port}: {reason}") from error


def _url(config: Config, listener: socket.socket) -> str:
    address: Sequence[object] = listener.getsockname()
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"https://{host}:{address[1]}"
