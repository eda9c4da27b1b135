"""The notes that Helm prints: their commands, pasted into a shell, end in a finished replication."""

import os
import subprocess
from pathlib import Path

from ground.controlplane import ControlPlane
from ground.release import LOCAL, Release
from ground.simulator import Simulator
from ground.story import Story


def commands(notes: str, *, without: str) -> str:
    """What is to be pasted: from the first kubectl to the last, without the one that needs nodes."""
    _, _, text = notes.partition("NOTES:\n")
    lines = text[text.index("kubectl") : text.index("What is going on")].splitlines()
    return "\n".join(line for line in lines if not line.startswith((without, "A first replication")))


def paste(plane: ControlPlane, text: str, folder: Path) -> str:
    (folder / "my-token").write_text("a-token-of-the-notes")
    environment = {**plane.kubectl_environment(), "PATH": f"{plane.assets}:{os.environ['PATH']}"}
    shell = ["bash", "-euc", text]
    done = subprocess.run(shell, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_they_tell_to_paste_works(
    crds: ControlPlane, release: Release, story: Story, cloud: Simulator, tmp_path: Path
) -> None:
    cloud.add_documented_example()
    notes = release.install({**LOCAL, "watchNamespaces": [story.namespace]})
    text = commands(notes, without=f"kubectl -n {release.namespace} rollout status deployment/{release.name}")
    # The documented ids are those of the simulated cloud; only where it answers is not.
    local = text.replace("  tokenSecretRef:", f"  endpoint: {cloud.url}\n  tokenSecretRef:")
    with story.take(release.operator()):
        assert "orders-to-region2" in paste(crds, local, tmp_path)
        story.wait_for("orders-to-region2", "AllReplicated")


def test_they_fit_the_values(crds: ControlPlane, release: Release) -> None:
    notes = release.install({**LOCAL, "rbac": {"secretNames": ["agreed-name"]}})
    assert "watches all namespaces" in notes
    assert "kubectl create namespace dr\n" in notes
    assert "create secret generic agreed-name" in notes
    assert "name: agreed-name" in notes
    assert "<no value>" not in notes
