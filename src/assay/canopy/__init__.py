"""Canopy height in metres from RGB imagery: training, evaluation against lidar, mapping at scale."""
