"""Intervals that hold what they claim on sites that nobody has seen, and where they do not, says so."""

from assay.canopy.uncertainty.bins import spread_of_bins
from assay.canopy.uncertainty.conformal import Calibration, SiteErrors, calibrate, collect_errors, each_from_others

__all__ = ["Calibration", "SiteErrors", "calibrate", "collect_errors", "each_from_others", "spread_of_bins"]
