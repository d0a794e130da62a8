"""The Gauntlet: what a validator computes."""
