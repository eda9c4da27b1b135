"""``make manifests``: writes everything under charts/ and manifests/ that is made from something else.

The chart's copies of the CRDs from manifests/crds, the table in its README from its values, and manifests/install.yaml
from the chart with its default values.
"""

import tempfile
from pathlib import Path

from ground import chart_readme
from ground.helm import CHART, NAMESPACE, ROOT, Helm

INSTALL_HEADER = f"""\
# Everything there is to install, as the chart renders it with its default values (make manifests); do not edit.
#
#   kubectl apply --server-side -f manifests/install.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""


def generated(folder: Path) -> dict[Path, str]:
    """Every generated file with the text that it should have. ``folder`` is for Helm's caches."""
    crds = {CHART / "files" / "crds" / each.name: each.read_text() for each in (ROOT / "manifests/crds").glob("*.yaml")}
    readme, values = CHART / "README.md", CHART / "values.yaml"
    return {
        **crds,
        readme: chart_readme.render(readme.read_text(), values.read_text()),
        ROOT / "manifests" / "install.yaml": INSTALL_HEADER + Helm(folder).template(),
    }


def main() -> None:
    """Write them all; what is there too much goes."""
    folder = CHART / "files" / "crds"
    folder.mkdir(parents=True, exist_ok=True)
    for each in folder.glob("*.yaml"):
        each.unlink()
    for source in (ROOT / "manifests" / "crds").glob("*.yaml"):  # before the chart is rendered
        (folder / source.name).write_text(source.read_text(), encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="cbr-helm-") as scratch:
        for path, text in generated(Path(scratch)).items():
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
