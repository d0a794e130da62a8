"""Ray clusters: whether one is there."""

import socket

from assay.core.errors import Unavailable


def reach(address: str) -> None:
    """`Unavailable` if nobody listens at HOST:PORT: Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or "/" in host:
        return  # `auto` and the like: Ray knows what it means
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise Unavailable(f"There is no Ray cluster at {address}: {error}.") from None
