"""cbr-operator: replicates cloud backup vaults between regions, each call made at most once."""

from importlib.metadata import version

__version__ = version("cbr-operator")
