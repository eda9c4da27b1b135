"""``make manifests``: writes everything under charts/ and manifests/ that is made from something else.

The chart's copies of the CRDs from manifests/crds, the table in its README from its values, and manifests/install.yaml
from the chart with its default values, and the part of Argo CD's configuration with our health checks.
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


ARGO_HEADER = """\
# What Argo CD needs to judge the health of our kinds (make manifests); do not edit.
#
#   kubectl -n argocd patch configmap argocd-cm --patch-file manifests/gitops/argocd/argocd-cm.yaml
"""


def argo_configuration() -> str:
    """The health checks as keys of Argo CD's ConfigMap."""
    lines = ["apiVersion: v1", "kind: ConfigMap", "metadata:", "  name: argocd-cm", "  namespace: argocd", "data:"]
    for script in sorted((ROOT / "manifests/gitops/argocd/resource_customizations").glob("*/*/health.lua")):
        group, kind = script.parts[-3:-1]
        lines += [f"  resource.customizations.health.{group}_{kind}: |"]
        lines += [f"    {line}".rstrip() for line in script.read_text().splitlines()]
    return ARGO_HEADER + "\n".join(lines) + "\n"


def generated(folder: Path) -> dict[Path, str]:
    """Every generated file with the text that it should have. ``folder`` is for Helm's caches."""
    crds = {CHART / "files" / "crds" / each.name: each.read_text() for each in (ROOT / "manifests/crds").glob("*.yaml")}
    readme, values = CHART / "README.md", CHART / "values.yaml"
    return {
        **crds,
        readme: chart_readme.render(readme.read_text(), values.read_text()),
        ROOT / "manifests/gitops/argocd/argocd-cm.yaml": argo_configuration(),
        ROOT / "manifests/install.yaml": INSTALL_HEADER + Helm(folder).template(),
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
