"""A whole network on one machine: honest and dishonest peers and validators, a clock that jumps, real text."""
