"""The only way out of a sandbox with network: an HTTP proxy outside that knows which hosts were granted.

It understands `CONNECT host:port` and plain `GET http://host/...`. Names are looked up out here, once; addresses of
this machine and of private networks are refused unless that very host and port were granted. Every request is logged.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from assay.core.errors import BadInput
from assay.core.sandbox.spec import NetworkRequest

_MAX_HEAD = 1 << 15  # bytes of a request up to its empty line
_MAX_CONNECTIONS = 128
_MAX_LOG = 20_000  # requests that are remembered
_HEAD_SECONDS, _CONNECT_SECONDS, _IDLE_SECONDS = 30.0, 30.0, 600.0
_PIECE = 1 << 16
_DEFAULT_PORTS = (80, 443)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_HOP_HEADERS = (b"proxy-connection", b"proxy-authorization", b"connection", b"keep-alive")


class _Refused(Exception):
    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def _host_name(text: str) -> str | None:
    """A host name or address in the one form that is compared; none if it is neither."""
    name = text.lower().rstrip(".")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name if len(name) < 254 and _HOST.fullmatch(name) else None


def _split(text: str, default_port: int | None) -> tuple[str, int | None]:
    """Host and port from `host`, `host:port` or `[address]:port`; ValueError if it is none of them."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\s\[\]/@]+)(?::([0-9]{1,5}))?", text)
    if not match:
        raise ValueError(text)
    host = _host_name(match[1])
    port = int(match[2]) if match[2] else default_port
    if host is None or (port is not None and not 0 < port < 65536):
        raise ValueError(text)
    return host, port


class Grants:
    """The hosts that were granted: `host`, `*.host`, or `host:port`."""

    def __init__(self, grants: Sequence[str]) -> None:
        self._hosts: set[str] = set()
        self._below: set[str] = set()
        self._exact: set[tuple[str, int]] = set()
        for grant in grants:
            try:
                host, port = _split(grant.removeprefix("*."), None)
            except ValueError:
                raise BadInput(
                    f"{grant!r} is not a host to grant: write for example example.org, *.example.org or 10.0.0.5:8000."
                ) from None
            if grant.startswith("*."):
                self._below.add("." + host)
            elif port is not None:
                self._exact.add((host, port))
            else:
                self._hosts.add(host)

    def exactly(self, host: str, port: int) -> bool:
        """Whether this host and port were named together: then even a private address is meant."""
        return (host, port) in self._exact

    def allow(self, host: str, port: int) -> bool:
        if self.exactly(host, port):
            return True
        named = host in self._hosts or any(host.endswith(below) for below in self._below)
        return named and port in _DEFAULT_PORTS


def _is_public(address: str) -> bool:
    """Whether an address is on the open internet, also when it hides an IPv4 address in an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        hidden = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if hidden:
            return _is_public(str(hidden))
        if ip in ipaddress.ip_network("64:ff9b::/96") or ip in ipaddress.ip_network("64:ff9b:1::/48"):
            return False
    return ip.is_global and not ip.is_multicast


class Proxy:
    """Serves a listening socket of the sandbox until the context is left."""

    def __init__(self, listener: socket.socket, network: Sequence[str]) -> None:
        self._grants = Grants(network)
        self._listener = listener
        self._log: list[NetworkRequest] = []
        self._forgotten = 0
        self._started = time.monotonic()
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="assay-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(RuntimeError):  # it ended by itself
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    def log(self) -> tuple[NetworkRequest, ...]:
        """Every request so far, in order; those under way with what they moved until now."""
        return tuple(self._log)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._listener.setblocking(False)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, sock=self._listener.dup(), limit=_MAX_HEAD)
        )
        try:
            self._loop.run_forever()
        finally:
            server.close()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.close()

    def _note(self, host: str, port: int, allowed: bool, reason: str) -> int | None:
        if len(self._log) >= _MAX_LOG:
            self._forgotten += 1
            last = self._log[-1]
            self._log[-1] = replace(last, reason=f"{self._forgotten} more requests were made and not written down")
            return None
        elapsed = round(time.monotonic() - self._started, 3)
        self._log.append(NetworkRequest(elapsed, host[:256], port, allowed, reason))
        return len(self._log) - 1

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections > _MAX_CONNECTIONS:
                return
            await self._request(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # whoever asked went away, or never asked properly
        finally:
            self._connections -= 1
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = "", 0
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            host, port, forward = _parse(head)
            upstream_reader, upstream_writer = await self._connect(host, port)
        except _Refused as refused:
            self._note(host, port, False, refused.reason)
            body = f"The sandbox's proxy refuses this: {refused.reason}\n".encode()
            writer.write(
                f"HTTP/1.1 {refused.status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
            return
        entry = self._note(host, port, True, "")
        try:
            if forward is None:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                upstream_writer.write(forward)
                self._count(entry, sent=len(forward))
            await self._relay(reader, writer, upstream_reader, upstream_writer, entry)
        finally:
            upstream_writer.close()

    def _count(self, entry: int | None, sent: int = 0, received: int = 0) -> None:
        if entry is not None:
            seen = self._log[entry]
            self._log[entry] = replace(
                seen, bytes_sent=seen.bytes_sent + sent, bytes_received=seen.bytes_received + received
            )

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not self._grants.allow(host, port):
            raise _Refused("403 Forbidden", f"{host}:{port} was not granted to this task")
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            raise _Refused("502 Bad Gateway", f"{host} has no address") from None
        addresses = [str(info[4][0]) for info in found]
        if not self._grants.exactly(host, port):
            addresses = [address for address in addresses if _is_public(address)]
            if not addresses:
                raise _Refused("403 Forbidden", f"{host} is on a private network: grant {host}:{port} if it is meant")
        for address in addresses[:4]:
            with contextlib.suppress(OSError, TimeoutError):
                # To the address that was checked: a second look-up could give another.
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(address, port)
        raise _Refused("502 Bad Gateway", f"{host}:{port} does not answer")

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        upstream_writer: asyncio.StreamWriter,
        entry: int | None,
    ) -> None:
        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, outwards: bool) -> None:
            while True:
                async with asyncio.timeout(_IDLE_SECONDS):
                    piece = await source.read(_PIECE)
                if not piece:
                    break
                self._count(entry, **({"sent": len(piece)} if outwards else {"received": len(piece)}))
                sink.write(piece)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()

        await asyncio.gather(pump(reader, upstream_writer, True), pump(upstream_reader, writer, False))


def _parse(head: bytes) -> tuple[str, int, bytes | None]:
    """Host and port of a request, and what to send on: none for CONNECT, else the request in the server's form."""
    line, _, headers = head.partition(b"\r\n")
    try:
        method, target, version = line.decode("ascii").split(" ")
    except ValueError:
        raise _Refused("400 Bad Request", "this is not a request of HTTP") from None
    if not version.startswith("HTTP/1.") or not method.isalpha():
        raise _Refused("400 Bad Request", "this is not a request of HTTP/1")
    try:
        if method == "CONNECT":
            host, port = _split(target, None)
            if port is None:
                raise ValueError(target)
            return host, port, None
        url = urlsplit(target)
        if url.scheme != "http" or not url.netloc:
            raise ValueError(target)
        host, port = _split(url.netloc, 80)
        if port is None:
            raise ValueError(target)
    except ValueError:
        raise _Refused("400 Bad Request", f"{target[:200]!r} names no host that can be reached") from None
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    kept = [h for h in headers.split(b"\r\n") if h and h.split(b":")[0].strip().lower() not in _HOP_HEADERS]
    # One request for each connection: the next one may be for another host.
    lines = [f"{method} {path} {version}".encode(), *kept, b"Connection: close"]
    return host, port, b"\r\n".join(lines) + b"\r\n\r\n"
