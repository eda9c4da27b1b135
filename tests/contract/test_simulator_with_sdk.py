"""The simulated cloud, driven by the vendor's own SDK: an independent check that it speaks the real API."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK and what it brings warn of their own old ways when imported
    from huaweicloudsdkcbr.v1 import (
        CbrClient,
        CheckpointReplicateParam,
        CheckpointReplicateReq,
        CopyCheckpointRequest,
        ListBackupsRequest,
        ListOpLogsRequest,
        ShowBackupRequest,
    )
    from huaweicloudsdkcore.auth.credentials import BasicCredentials
    from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
    from huaweicloudsdkcore.http.http_config import HttpConfig

from ground.simulator import GATEWAY, SERVICE, Simulator, unauthorized_body
from ground.simulator.vaults import DOCUMENTED_EXAMPLE

SOURCE, DESTINATION = DOCUMENTED_EXAMPLE
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK's own


@pytest.fixture
def cloud() -> Iterator[Simulator]:
    with Simulator(copy_seconds=3600) as simulator:
        simulator.add_documented_example()
        yield simulator


def client(cloud: Simulator, project: str = SOURCE.project_id) -> Any:
    config = HttpConfig.get_default_config()
    config.retry_times = 0
    credentials = BasicCredentials("access-key", "secret-key", project)
    builder = CbrClient.new_builder().with_http_config(config).with_credentials(credentials)
    return builder.with_endpoint(cloud.url).build()


def request(**changes: Any) -> Any:
    whole = {
        "vault_id": SOURCE.id,
        "destination_project_id": DESTINATION.project_id,
        "destination_region": DESTINATION.region,
        "destination_vault_id": DESTINATION.id,
        "auto_trigger": False,
        "enable_acceleration": True,
        **changes,
    }
    return CopyCheckpointRequest(CheckpointReplicateReq(CheckpointReplicateParam(**whole)))


def test_replicate_list_show_and_logs(cloud: Simulator) -> None:
    sdk = client(cloud)
    answer = sdk.copy_checkpoint(request()).replication
    assert (answer.source_region, answer.vault_id, answer.project_id) == ("region1", SOURCE.id, SOURCE.project_id)
    assert (answer.destination_region, answer.destination_vault_id) == ("region2", DESTINATION.id)
    assert answer.provider_id == "0daac4c5-6707-4851-97ba-169e36266b66"
    records = {each.backup_id: each.replication_record_id for each in answer.backups}
    assert set(records) == {each.id for each in SOURCE.backups}

    listed = sdk.list_backups(ListBackupsRequest(vault_id=SOURCE.id, show_replication=True, limit=2))
    assert (listed.count, len(listed.backups)) == (3, 2)
    for each in listed.backups:
        [record] = each.replication_records
        assert (record.id, record.status, record.destination_region) == (records[each.id], "replicating", "region2")
        assert (each.status, each.image_type) == ("available", "backup")
    rest = sdk.list_backups(ListBackupsRequest(vault_id=SOURCE.id, offset=2))
    assert [each.replication_records for each in rest.backups] == [[]]

    shown = sdk.show_backup(ShowBackupRequest(SOURCE.backups[0].id)).backup
    assert shown.replication_records[0].id == records[shown.id]
    assert shown.replication_records[0].extra_info.progress in range(100)

    logs = sdk.list_op_logs(ListOpLogsRequest(operation_type="replication", vault_id=SOURCE.id))
    assert logs.count == 3
    assert {each.status for each in logs.operation_logs} == {"running"}
    assert {each.extra_info.replication.source_backup_id for each in logs.operation_logs} == set(records)


def test_copying_ends_in_time_and_leaves_replicas(cloud: Simulator) -> None:
    sdk = client(cloud)
    sdk.copy_checkpoint(request())
    cloud.finish_copying()
    listed = sdk.list_backups(ListBackupsRequest(vault_id=SOURCE.id, show_replication=True))
    assert {each.replication_records[0].status for each in listed.backups} == {"success"}
    there = client(cloud, DESTINATION.project_id).list_backups(ListBackupsRequest(vault_id=DESTINATION.id))
    assert {each.image_type for each in there.backups} == {"replication"}
    assert {each.replication_records[0].destination_backup_id for each in listed.backups} == {
        each.id for each in there.backups
    }
    assert refused(cloud)[1] == "BackupService.1012"


def refused(cloud: Simulator, project: str = SOURCE.project_id, **changes: Any) -> tuple[int, str]:
    with pytest.raises(ServiceResponseException) as raised:
        client(cloud, project).copy_checkpoint(request(**changes))
    return raised.value.status_code, raised.value.error_code


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"vault_id": "not-a-uuid"}, (400, "BackupService.9900")),
        ({"vault_id": "00000000-0000-0000-0000-000000000000"}, (404, "BackupService.6105")),
        ({"vault_id": None}, (400, "BackupService.9900")),
        ({"destination_region": "region9"}, (400, "BackupService.1005")),
        ({"destination_region": "region1"}, (400, "BackupService.9900")),
        ({"destination_project_id": "0" * 32}, (400, "BackupService.1011")),
        ({"destination_vault_id": SOURCE.id}, (400, "BackupService.6120")),
    ],
)
def test_the_cloud_s_own_rules(cloud: Simulator, changes: dict[str, Any], error: tuple[int, str]) -> None:
    assert refused(cloud, **changes) == error
    assert cloud.accepted() == []


def test_one_replication_at_a_time_for_a_vault(cloud: Simulator) -> None:
    client(cloud).copy_checkpoint(request())
    assert refused(cloud) == (400, "BackupService.6130")
    assert (len(cloud.received(SOURCE.id)), len(cloud.accepted(SOURCE.id))) == (2, 1)


def test_every_error_of_the_service_arrives_as_the_sdk_s_exception(cloud: Simulator) -> None:
    for code, row in SERVICE.items():
        for status in row.statuses:
            cloud.order(SOURCE.id, service=code, status=status)
            assert refused(cloud) == (status, f"BackupService.{code}")


def test_every_error_of_the_gateway_arrives_as_the_sdk_s_exception(cloud: Simulator) -> None:
    for code, row in GATEWAY.items():
        for status in row.statuses:
            cloud.order(SOURCE.id, gateway=code, status=status)
            assert refused(cloud) == (status, f"APIGW.{code}")


def test_the_third_form_of_a_401_arrives_too(cloud: Simulator) -> None:
    cloud.order(SOURCE.id, status=401, json=unauthorized_body())
    assert refused(cloud)[0] == 401


def test_a_backup_that_is_not_there(cloud: Simulator) -> None:
    with pytest.raises(ServiceResponseException) as raised:
        client(cloud).show_backup(ShowBackupRequest("00000000-0000-0000-0000-000000000000"))
    assert (raised.value.status_code, raised.value.error_code) == (404, "BackupService.6200")


def records(cloud: Simulator) -> Any:
    request = ListBackupsRequest(vault_id=SOURCE.id, show_replication=True)
    return client(cloud).list_backups(request).backups[0].replication_records


def test_deployments_that_differ(cloud: Simulator) -> None:
    cloud.change(records_visible_after=3600)
    client(cloud).copy_checkpoint(request())
    assert records(cloud) == []
    cloud.change(clock_offset=3601, extra_info_as_text=True, time_form="zulu")
    assert records(cloud)[0].extra_info.progress is None  # JSON in a string: the SDK cannot read it either
    cloud.change(shows_records=False, has_operation_logs=False)
    assert records(cloud) is None
    with pytest.raises(ServiceResponseException) as raised:
        client(cloud).list_op_logs(ListOpLogsRequest())
    assert raised.value.error_code == "APIGW.0101"
