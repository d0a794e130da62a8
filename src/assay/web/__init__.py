"""What people look at: decisions read from the ledger, and pages that show them."""
