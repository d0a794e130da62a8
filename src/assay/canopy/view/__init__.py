"""A finished map to look at in a browser: `serve(folder)`."""

from assay.canopy.view.server import serve

__all__ = ["serve"]
