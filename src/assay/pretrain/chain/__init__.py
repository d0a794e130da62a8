"""Chains: where a run keeps its register, its clock, its promises and its decisions."""
