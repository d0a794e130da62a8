"""Opens a store by its URL."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import MemoryStore, from_url

from assay.core.errors import BadInput
from assay.core.home import home
from assay.core.store.bucket import BucketShelf
from assay.core.store.folder import FolderShelf
from assay.core.store.shelf import Shelf, first_line
from assay.core.store.store import Store

_SCHEMES = ("s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss")  # what obstore can write to


def open_store(url: str | Path | None = None, **options: Any) -> "Store":
    """The store at `url`: a folder (default: `store` in Assay's home), `file://`, `memory://`, `s3://bucket/prefix`,
    `gs://bucket/prefix` or `az://container/prefix`. `options` are obstore's (`endpoint`, `region`,
    `client_options`, ...); credentials come from there or from the environment, as the providers' own tools read them.
    """
    return Store(_shelf_at(home() / "store" if url is None else url, options))


def _shelf_at(url: str | Path, options: dict[str, Any]) -> Shelf:
    """The shelf that `url` names; `options` go to obstore."""
    if not str(url):
        raise BadInput("The store's place is empty: give a folder or a URL.")
    scheme = url.partition("://")[0] if isinstance(url, str) and "://" in url else None
    if scheme in (None, "file"):
        if options:
            raise BadInput(f"A store in a folder takes no options, but {', '.join(options)} was given.")
        return FolderShelf(Path(unquote(urlsplit(str(url)).path) if scheme else url).absolute())
    if scheme == "memory":
        return BucketShelf(str(url), MemoryStore())
    if scheme not in _SCHEMES:
        raise BadInput(f"A store cannot be opened at {url}: use a folder, memory://, s3://, gs:// or az://.")
    try:
        return BucketShelf(str(url), from_url(str(url), **options))
    except (obstore.exceptions.BaseError, ValueError, TypeError) as error:
        raise BadInput(f"A store cannot be opened at {url}: {first_line(error)}.") from error
