"""Audit records as events of the Open Cybersecurity Schema Framework, version 1.3.0.

What statements did is Datastore Activity (6005), what people decided about grants is Entity Management (3004).
Source: https://schema.ocsf.io/1.3.0/classes/datastore_activity and …/entity_management
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from grants.audit import STEPS, AuditRecord, Event

_VERSION = "1.3.0"
_INFORMATIONAL = 1
_SUCCESS, _FAILURE = (1, "Success"), (2, "Failure")
_QUERY, _OTHER = (4, "Query"), 99
_ENTITY_ACTIVITIES = {
    Event.REQUESTED: (1, "Create"),
    Event.APPROVED: (3, "Update"),
    Event.DENIED: (3, "Update"),
    Event.REVOKED: (4, "Delete"),
}
_FAILED = frozenset({Event.REFUSED, Event.FAILED, Event.DENIED})


def event_of(record: AuditRecord, rows: int | None) -> dict[str, Any]:
    """`record` as an OCSF event; `rows`: how many were fetched, where anybody counted."""
    is_step = record.event in STEPS
    category, number, name = (3, 3004, "Entity Management") if is_step else (6, 6005, "Datastore Activity")
    activity, activity_name = _activity(record)
    status, status_name = _FAILURE if record.event in _FAILED else _SUCCESS
    common = {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": category,
        "class_uid": number,
        "class_name": name,
        "type_uid": number * 100 + activity,
        "severity_id": _INFORMATIONAL,
        "status_id": status,
        "status": status_name,
        "status_detail": record.reason if record.event in _FAILED else None,
        "time": (record.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1),
        "actor": {"user": _user(record.principal, record.groups)},
        "metadata": _metadata(record),
        "unmapped": _unmapped(record, rows),
    }
    event: dict[str, Any] = _without_nothing(common | (_entity(record) if is_step else _datastore(record)))
    return event


def _activity(record: AuditRecord) -> tuple[int, str]:
    if record.event in _ENTITY_ACTIVITIES:
        return _ENTITY_ACTIVITIES[record.event]
    is_query = record.event in (Event.REVEALED, Event.REFUSED)
    return _QUERY if is_query else (_OTHER, record.event.value)


def _user(principal: str | None, groups: tuple[str, ...] | None) -> dict[str, Any]:
    return {
        "name": principal or "nobody",
        "uid": principal,
        "groups": [{"name": group} for group in groups or ()] or None,
    }


def _metadata(record: AuditRecord) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "uid": record.id,
        "event_code": record.event.value,
        "sequence": record.sequence,
        "original_time": record.at.isoformat(),
        "log_name": f"unmask:{record.environment}",
        "product": {"name": "unmask", "vendor_name": "unmask", "version": version("unmask")},
    }


def _datastore(record: AuditRecord) -> dict[str, Any]:
    host = (record.client or "").rpartition(":")[0]
    return {
        "type_id": 1,
        "type": "Database",
        "src_endpoint": {"hostname": host or "unknown", "uid": record.client},
        "database": {"name": record.database or record.environment, "type_id": 1, "type": "Relational"},
        "table": {"name": ", ".join(record.tables)} if record.tables else None,
        "query_info": {"uid": record.fingerprint, "query_string": record.statement or ""}
        if record.fingerprint
        else None,
        "observables": [
            {"name": "columns", "type_id": _OTHER, "type": "Column", "value": column} for column in record.columns or ()
        ]
        or None,
    }


def _entity(record: AuditRecord) -> dict[str, Any]:
    return {
        "comment": record.reason,
        "entity": {
            "uid": record.request,
            "type": "Grant",
            "name": " ".join(record.scopes or ()),
            "data": {"columns": list(record.columns or ()), "holder": record.holder},
        },
    }


def _unmapped(record: AuditRecord, rows: int | None) -> dict[str, Any]:
    """What the schema has no place for: the grants behind a reveal, with reasons and approvers, and its rows."""
    return {
        "environment": record.environment,
        "columns": list(record.columns or ()) or None,
        "grants": [use.model_dump(mode="json") for use in record.grants or ()] or None,
        "rows": rows,
        "database_role": record.database_role,
        "request": record.request,
        "holder": record.holder,
        "expires_at": record.expires_at.isoformat() if record.expires_at else None,
        "policy_version": record.policy_version,
        "counts": [count.model_dump() for count in record.counts or ()] or None,
        "writer": record.writer,
        "seal": record.seal,
    }


def _without_nothing(value: Any) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(value, Mapping):
        return {name: _without_nothing(one) for name, one in value.items() if one is not None}
    return [_without_nothing(one) for one in value] if isinstance(value, list) else value
