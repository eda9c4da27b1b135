"""Figures, by ``make bench``: measured side by side in one run, and never asserted."""
