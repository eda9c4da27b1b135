"""The chart installed by helm on a real node: the Pod starts, does its work, and shows it."""

import json
from pathlib import Path

from ground.node.release import Release
from ground.story import Story

ROOT = Path(__file__).parents[2]


def test_a_replication_goes_from_apply_to_its_end(release: Release, story: Story) -> None:
    pair = story.pair(backups=3)
    story.create("orders", **pair)

    waited = story.controlplane.kubectl(
        *f"-n {story.namespace} wait cpr/orders --for=condition=Succeeded --timeout=60s".split()
    )

    assert "condition met" in waited.stdout
    assert story.condition("orders") == ("True", "AllReplicated")
    assert len(story.posts(pair["source"]["vaultID"])) == 1
    assert release.container()["restartCount"] == 0


def test_its_log_is_one_json_record_a_line(release: Release, story: Story) -> None:
    token = story.secret("other-token")
    story.create("told", tokenSecretRef={"name": "other-token"})
    story.wait_for("told", "AllReplicated")

    records = [json.loads(line) for line in release.logs()]

    assert all({"time", "level", "logger", "message"} <= set(record) for record in records)
    assert any(record.get("object", {}).get("name") == "told" for record in records)
    assert not any(token in line for line in release.logs())
    assert {record["level"] for record in records} <= {"info", "warning"}


def test_it_runs_as_nobody_with_no_right_on_the_node(release: Release) -> None:
    process = Path(f"/proc/{release.main_process()}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    mounts = [line.split() for line in (process / "mounts").read_text().splitlines()]

    assert status["Uid"].split() == status["Gid"].split() == ["65532"] * 4
    assert status["Groups"].split() in ([], ["65532"])
    assert (int(status["CapEff"], 16), int(status["CapBnd"], 16)) == (0, 0)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    root = next(options for _, where, _, options, *_ in mounts if where == "/")
    assert "ro" in root.split(",")


def test_its_program_is_found_and_prints_the_crds_that_the_chart_installs(release: Release) -> None:
    deployment = "deployment/cbr-operator"

    printed = release.kubectl("exec", deployment, "--", "cbr-operator", "crds")

    files = (ROOT / "manifests" / "crds").glob("*.yaml")
    assert sorted(printed.split("---\n")[1:]) == sorted(each.read_text() for each in files)
    assert "version" in release.kubectl("exec", deployment, "--", "cbr-operator", "--version")
