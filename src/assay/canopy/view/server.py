"""The page and its tiles over HTTP, for the browser on this machine.

Only this machine is listened to, and only requests that name it as their host are answered, so that no page from
elsewhere can read a map through the browser. Everything that the page needs comes from here: it works offline."""

import json
import math
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rasterio.errors import RasterioError

from assay.canopy.mapping.imagery import settings
from assay.canopy.view.layers import MapFolder, Picture
from assay.canopy.view.library import library
from assay.core.errors import AssayError, BadInput, Unavailable

_TILE = re.compile(r"/tiles/(height|uncertainty|imagery)/(\d{1,2})/(\d{1,8})/(\d{1,8})\.png")
_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
_LONGEST = 8192  # characters of an address
_BUSY = 4  # tiles that are read at once
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "worker-src blob:; child-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "html": "text/html; charset=utf-8"}


def open_server(
    folder: Path, *, port: int = 0, maplibre: Path | None = None, imagery: list[Picture] | None = None
) -> ThreadingHTTPServer:
    """A server of the map in `folder` that is bound but does not answer yet; port 0 takes a free one."""
    shown = MapFolder(folder, imagery)
    files = {
        name: (resources.files("assay.canopy.view") / name).read_bytes()
        for name in ("page.html", "page.css", "page.js")
    }
    files |= library(maplibre)

    class Handler(_Handler):
        map_folder = shown
        static = files
        busy = threading.BoundedSemaphore(_BUSY)

    try:
        return ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise Unavailable(f"Port {port} cannot be used: {error.strerror}. Choose another with --port.") from None


def serve(folder: Path, *, port: int = 0, maplibre: Path | None = None, imagery: list[Picture] | None = None) -> None:
    """Serve the map until interrupted."""
    with open_server(folder, port=port, maplibre=maplibre, imagery=imagery) as server:
        server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    map_folder: MapFolder
    static: dict[str, bytes]
    busy: threading.BoundedSemaphore
    server_version, sys_version = "Assay", ""
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in _HOSTS or len(self.path) > _LONGEST:
            return self._answer(403, b"This server answers this machine only.", "text/plain")
        try:
            with settings():
                self._route(urlsplit(self.path))
        except AssayError as error:
            self._json({"error": str(error)}, 400)
        except RasterioError:
            self._json({"error": "A file of the map cannot be read: make the map again."}, 500)
        except (BrokenPipeError, ConnectionResetError):  # the browser no longer wants it
            self.close_connection = True
        return None

    def _route(self, address: Any) -> None:
        path = address.path
        if path == "/":
            return self._answer(200, self.static["page.html"], _TYPES["html"])
        if path[1:] in self.static:
            return self._answer(200, self.static[path[1:]], _TYPES[path.rsplit(".", 1)[1]])
        if path == "/map.json":
            return self._json(self.map_folder.description)
        tile = _TILE.fullmatch(path)
        if tile is not None:
            layer, z, x, y = tile.groups()
            with self.busy:
                data = self.map_folder.tile(layer, int(z), int(x), int(y))
            return self._answer(200, data, "image/png")
        query = parse_qs(address.query, max_num_fields=8)
        if path == "/at":
            longitude, latitude = _place(query.get("place", [""])[0])
            return self._json(self.map_folder.at(longitude, latitude))
        if path == "/profile":
            points = [_place(text) for text in query.get("points", [""])[0].split(";")]
            return self._json(self.map_folder.profile(points, 300))
        return self._json({"error": "There is nothing here."}, 404)

    def _json(self, document: Any, status: int = 200) -> None:
        self._answer(status, json.dumps(document, allow_nan=False).encode(), "application/json")

    def _answer(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed per request."""


def _place(text: str) -> tuple[float, float]:
    try:
        longitude, latitude = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput("A place is longitude,latitude in degrees.") from None
    if not (math.isfinite(longitude) and math.isfinite(latitude) and abs(latitude) <= 90 and abs(longitude) <= 540):
        raise BadInput("A place is longitude,latitude in degrees.")
    return (longitude + 180) % 360 - 180, latitude
