"""What runs: watch event → cache → queue → gather, decide, perform → publish."""
