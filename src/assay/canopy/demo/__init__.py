"""Workers for this arena's tasks that anyone can run."""
