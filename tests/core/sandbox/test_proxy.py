"""Granted hosts are reached through the proxy, others are not, and all of it is written down."""

import http.server
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from assay.core.errors import BadInput
from assay.core.sandbox.proxy import Grants, _is_public, _parse, _Refused
from tests.core.sandbox.conftest import Outcome

Attack = Callable[..., Outcome]


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"page {self.path} for {self.headers.get('Host')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made.server_port
        made.shutdown()


FETCH = """
import sys, urllib.request, urllib.error
for url in sys.argv[1:]:
    try: print(urllib.request.urlopen(url, timeout=10).read().decode())
    except urllib.error.HTTPError as error: print("HTTP", error.code, error.read().decode().strip())
    except OSError as error: print("FAILED", error)
"""

TUNNEL = """
import socket, sys
s = socket.create_connection(("127.0.0.1", 3128), 10)
s.sendall(f"CONNECT {sys.argv[1]} HTTP/1.1\\r\\nHost: {sys.argv[1]}\\r\\n\\r\\n".encode())
print(s.recv(4096).decode().splitlines()[0])
s.sendall(b"GET /tunnel HTTP/1.0\\r\\nHost: inner\\r\\n\\r\\n")
data = b""
while piece := s.recv(4096): data += piece
print(data.decode().splitlines()[-1])
"""


def test_a_granted_host_and_port_is_reached_and_logged(attack: Attack, server: int) -> None:
    address = f"127.0.0.1:{server}"
    # urllib does not ask a proxy for what no_proxy names, and 127.0.0.1 inside is the sandbox's own: name it otherwise.
    outcome = attack(
        "", command=["python", "-c", FETCH, f"http://localhost.:{server}/a?b=c"], network=(f"localhost:{server}",)
    )
    assert outcome.output == f"page /a?b=c for localhost.:{server}\n"
    (entry,) = outcome.finished.network_log
    assert (entry.host, entry.port, entry.allowed, entry.reason) == ("localhost", server, True, "")
    assert entry.bytes_sent > 20 and entry.bytes_received > 20
    outcome = attack("", command=["python", "-c", TUNNEL, address], network=(address,))
    assert outcome.output == "HTTP/1.1 200 Connection established\npage /tunnel for inner\n"
    assert outcome.finished.network_log[0].allowed


def test_what_was_not_granted_is_refused_and_logged(attack: Attack, server: int) -> None:
    urls = [
        "http://example.com/",  # another host
        f"http://localhost.:{server}/",  # a granted host, but not with this port
        "http://169.254.169.254/latest/meta-data/",  # a cloud's secrets
        "ftp://granted.example/",
    ]
    outcome = attack("", command=["python", "-c", FETCH, *urls[:3]], network=("granted.example", "localhost"))
    assert outcome.output.count("HTTP 403") == 3
    assert [entry.allowed for entry in outcome.finished.network_log] == [False] * 3
    assert [entry.host for entry in outcome.finished.network_log] == ["example.com", "localhost", "169.254.169.254"]


def test_a_granted_name_for_a_private_address_is_refused(attack: Attack) -> None:
    outcome = attack("", command=["python", "-c", FETCH, "http://localhost./"], network=("localhost",))
    assert "HTTP 403" in outcome.output and "private network" in outcome.output
    assert not outcome.finished.network_log[0].allowed


def test_the_rest_of_the_network_stays_away_when_hosts_are_granted(attack: Attack, server: int) -> None:
    outcome = attack("network.py", str(server), "nobody", network=("example.org",))
    assert outcome.lines("GOT") == []


def test_nonsense_does_not_stop_the_proxy(attack: Attack, server: int) -> None:
    program = (
        "import os, socket\n"
        "for junk in (b'', b'\\r\\n\\r\\n', b'GET\\r\\n\\r\\n', b'CONNECT x HTTP/1.1\\r\\n\\r\\n', os.urandom(5000),\n"
        "             b'A' * 100000, b'GET http://a:99999/ HTTP/1.1\\r\\n\\r\\n', b'GET / HTTP/2\\r\\n\\r\\n'):\n"
        "    s = socket.create_connection(('127.0.0.1', 3128), 5); s.settimeout(5)\n"
        "    try: s.sendall(junk); s.shutdown(1); s.recv(100)\n"
        "    except OSError: pass\n"
        "    s.close()\n"
    )
    outcome = attack(
        "", command=["python", "-c", program + TUNNEL, f"127.0.0.1:{server}"], network=(f"127.0.0.1:{server}",)
    )
    assert outcome.output.endswith("page /tunnel for inner\n")


def test_a_worker_that_ends_with_open_connections_does_not_hold_the_sandbox(attack: Attack, server: int) -> None:
    program = "import socket,os\ns=[socket.create_connection(('127.0.0.1',3128)) for _ in range(50)]\nos._exit(0)"
    outcome = attack("", command=["python", "-c", program], network=(f"127.0.0.1:{server}",))
    assert outcome.finished.exit_code == 0


@pytest.mark.parametrize(
    ("grants", "host", "port", "allowed"),
    [
        (("example.org",), "example.org", 443, True),
        (("example.org",), "example.org", 80, True),
        (("example.org",), "example.org", 22, False),
        (("example.org",), "www.example.org", 443, False),
        (("example.org",), "example.org.evil.net", 443, False),
        (("example.org",), "notexample.org", 443, False),
        (("*.example.org",), "www.example.org", 443, True),
        (("*.example.org",), "example.org", 443, False),
        (("*.example.org",), "evilexample.org", 443, False),
        (("example.org:8443",), "example.org", 8443, True),
        (("example.org:8443",), "example.org", 443, False),
        (("EXAMPLE.org.",), "example.org", 443, True),
        (("[::1]:8000",), "::1", 8000, True),
    ],
)
def test_grants_mean_what_they_say(grants: tuple[str, ...], host: str, port: int, allowed: bool) -> None:
    assert Grants(grants).allow(host, port) is allowed


@pytest.mark.parametrize("grant", ["", "http://a", "a/b", "a:0", "a:65536", "a b", "*", "a:b", "user@a", "*.*.a"])
def test_what_is_not_a_host_cannot_be_granted(grant: str) -> None:
    with pytest.raises(BadInput):
        Grants((grant,))


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
        ),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "255.255.255.255", "ff02::1", "192.0.0.1", "198.18.0.1"),
    ],
)
def test_addresses_that_are_not_on_the_open_internet_are_known(address: str) -> None:
    assert not _is_public(address)


def test_addresses_on_the_open_internet_are_known() -> None:
    assert all(_is_public(address) for address in ("1.1.1.1", "8.8.8.8", "2606:4700:4700::1111"))


@pytest.mark.parametrize(
    "head",
    [
        *(
            b"GET / HTTP/1.1\r\n\r\n",
            b"CONNECT a HTTP/1.1\r\n\r\n",
            b"GET http://u:p@a/ HTTP/1.1\r\n\r\n",
            b"\xff\r\n\r\n",
        ),
        *(b"GET https://a/ HTTP/1.1\r\n\r\n", b"GET http:///x HTTP/1.1\r\n\r\n", b"CONNECT a:1:2 HTTP/1.1\r\n\r\n"),
        *(b"CONNECT [::1:2 HTTP/1.1\r\n\r\n", b"CONNECT a:99999 HTTP/1.1\r\n\r\n", b"CONNECT a:1 HTTP/9\r\n\r\n"),
    ],
)
def test_a_request_that_names_no_host_is_refused(head: bytes) -> None:
    with pytest.raises(_Refused):
        _parse(head)


def test_a_plain_request_is_passed_on_without_what_concerns_the_proxy() -> None:
    host, port, forward = _parse(
        b"GET http://a.org:81/x?y HTTP/1.1\r\nHost: a.org\r\nProxy-Authorization: s\r\nConnection: keep-alive\r\n\r\n"
    )
    assert (host, port) == ("a.org", 81)
    assert forward == b"GET /x?y HTTP/1.1\r\nHost: a.org\r\nConnection: close\r\n\r\n"


def test_names_are_looked_up_outside(attack: Attack, monkeypatch: pytest.MonkeyPatch, server: int) -> None:
    real = socket.getaddrinfo

    def look_up(host: str, *rest: object, **named: object) -> object:
        return real("127.0.0.1" if host == "only-known-outside.test" else host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    url = f"http://only-known-outside.test:{server}/z"
    outcome = attack("", command=["python", "-c", FETCH, url], network=(f"only-known-outside.test:{server}",))
    assert outcome.output == f"page /z for only-known-outside.test:{server}\n"
