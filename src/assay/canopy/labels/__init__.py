"""Labels that can be trusted: heights from lidar points, moved to where the imagery shows them, and cleaned."""

from assay.canopy.labels.chm import Chm, chm_from_points
from assay.canopy.labels.cleaning import Cleaned, clean
from assay.canopy.labels.registration import Registration, Shift, register, register_all, register_together

__all__ = [
    "Chm",
    "Cleaned",
    "Registration",
    "Shift",
    "chm_from_points",
    "clean",
    "register",
    "register_all",
    "register_together",
]
