"""Workers for trying the arena out: one that does its work, and one that does less."""
