"""What the documents say of rights and values is what the chart has."""

import re
from collections.abc import Iterator

from ground.helm import CHART, ROOT, Helm

ROW = re.compile(r"^\| (?P<resource>`.*?)?\s*\| (?P<verbs>[a-z, ]+) \|")


def documented(text: str) -> Iterator[tuple[str, str]]:
    """Resource and verb of every row; a row without a resource goes on with the one above."""
    resource = ""
    for row in filter(None, map(ROW.match, text.splitlines())):
        resource = (row["resource"] or resource).split("`")[1] if row["resource"] else resource
        yield from ((resource, verb) for verb in row["verbs"].split(", "))


def test_every_right_of_the_operator_is_explained(helm: Helm) -> None:
    text = (ROOT / "docs" / "permissions.md").read_text()
    operator = text[text.index("## The operator") : text.index("## Users")]
    users = ("-view", "-edit")
    rules = [
        rule
        for (kind, name), role in helm.objects().items()
        if kind in ("Role", "ClusterRole") and not name.endswith(users)
        for rule in role["rules"]
    ]
    rendered = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    assert set(documented(operator)) == rendered


def test_the_documents_name_only_values_that_there_are() -> None:
    values = (CHART / "values.yaml").read_text()
    names = set(re.findall(r"^ *(\w+):", values, re.MULTILINE))
    for name in ("install.md", "permissions.md", "gitops.md"):
        text = (ROOT / "docs" / name).read_text()
        for path in re.findall(r"--set '?([\w.]+)=", text) + re.findall(
            r"`((?:settings|rbac|crds|caBundle)\.[\w.]+)", text
        ):
            assert set(path.split(".")) <= names, f"{name}: {path}"
