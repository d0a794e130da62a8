"""Software in a machine-checked verified form: components, four gates, certificates.

from assay.prove import load
adler32 = load("adler32").adler32
"""

from assay.prove.loading import Loaded, load

__all__ = ["Loaded", "load"]
