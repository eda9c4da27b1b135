"""What the real node needs of the machine: root, and a few Debian packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CNI_PLUGINS = Path("/usr/lib/cni")
_PROGRAMS = {
    "buildah": "buildah",
    "containerd": "containerd",
    "ctr": "containerd",
    "mmdebstrap": "mmdebstrap",
    "openssl": "openssl",
    "runc": "runc",
    "unshare": "util-linux",
}
"""Each program, and the Debian package that it is in."""
_PLUGINS_PACKAGE = "containernetworking-plugins"


def lacking() -> str:
    """One line that says what this machine lacks to run the real node and how to get it; empty when nothing."""
    if sys.platform != "linux":
        return "make e2e needs Linux: it runs a real Kubernetes node"
    if os.geteuid() != 0:
        return "make e2e needs root: it runs a real Kubernetes node (everything else in the suite does not)"
    if missing := missing_packages():
        return f"make e2e lacks Debian packages: {' '.join(missing)}; as root, run make e2e-packages"
    return ""


def missing_packages() -> list[str]:
    """The Debian packages that are not installed, as far as can be seen from their programs."""
    missing = {package for program, package in _PROGRAMS.items() if shutil.which(program) is None}
    if not (CNI_PLUGINS / "loopback").exists():
        missing.add(_PLUGINS_PACKAGE)
    return sorted(missing)


def install_packages() -> str:
    """Install what is missing with apt-get; one line that says why that failed, empty when it did not."""
    missing = missing_packages()
    if not missing:
        return ""
    if shutil.which("apt-get") is None:
        return f"make e2e needs {' '.join(missing)}, by their names in Debian; this machine has no apt-get"
    if os.geteuid() != 0:
        return f"installing {' '.join(missing)} needs root"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A source of the machine's that cannot be reached is no matter if the others have what is needed.
    for command in ("update -qq", f"install -qq --yes --no-install-recommends {' '.join(missing)}"):
        subprocess.run(["apt-get", *command.split()], env=environment, stdout=sys.stderr, check=False)
    return lacking()
