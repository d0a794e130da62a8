"""Programs that are copied into the sandboxes of `programs.py`; they import nothing but one another."""
