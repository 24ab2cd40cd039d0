"""A record in the form in which it is kept: its one canonical text, made without making the record itself.

Most of an entry is the same each time: what a statement reveals, to whom and why. That part is spelt once (`Form`);
what a record adds is its instant, its place in the writer's chain, and the seal, which covers all the rest.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from grants.audit import AuditRecord, Entry, Event, Seal
from grants.records import canonical_json

_VARYING = ("at", "id", "previous", "seal", "sequence", "writer")
"""Fields that differ from record to record, in the order of the canonical text, which sorts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """An entry but for its instant, spelt. `between`: the text of its fields before each of `_VARYING`."""

    event: Event
    environment: str
    principal: str | None
    request: str | None
    between: tuple[str, ...]

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The form of `entry`."""
        fields = entry.model_dump(mode="json", exclude_none=True, exclude={"at"})
        fields["version"] = AuditRecord.model_fields["version"].default
        before = ("", *_VARYING[:-1])
        return cls(
            event=entry.event,
            environment=entry.environment,
            principal=entry.principal,
            request=entry.request,
            between=tuple(_spelt(fields, *ends) for ends in zip(before, _VARYING, strict=True)),
        )


def _spelt(fields: dict[str, object], after: str, before: str) -> str:
    part = {name: value for name, value in fields.items() if after < name < before}
    return canonical_json(part).decode()[1:-1] + "," if part else ""


class Place(NamedTuple):
    """The next place in a writer's chain. `previous`: the seal of the record before."""

    writer: str
    sequence: int
    previous: str


class Sealed(NamedTuple):
    """A sealed record as sinks keep it. `text`: all of it, canonical."""

    text: str
    form: Form
    at: datetime
    writer: str
    sequence: int
    seal: str

    @classmethod
    def at_place(cls, place: Place, form: Form, *, at: datetime, seal: Seal) -> Self:
        """The record of `form` at `place`. `at` is an instant in UTC."""
        writer, sequence, previous = place
        first, second, third, fourth, fifth, sixth = form.between
        head = (
            f'{{{first}"at":"{at.isoformat().replace("+00:00", "Z")}",{second}"id":"{writer}-{sequence}",'
            f'{third}"previous":"{previous}",{fourth}"seal":"'
        )
        tail = f'",{fifth}"sequence":{sequence},{sixth}"writer":"{writer}"}}'
        sealed = seal.of((head + tail).encode())
        return cls(head + sealed + tail, form, at, writer, sequence, sealed)

    @property
    def id(self) -> str:
        """Its writer and number."""
        return f"{self.writer}-{self.sequence}"

    @property
    def event(self) -> Event:
        """What happened."""
        return self.form.event

    @property
    def environment(self) -> str:
        """Where it happened."""
        return self.form.environment

    @property
    def principal(self) -> str | None:
        """Who did it."""
        return self.form.principal

    @property
    def request(self) -> str | None:
        """The request that it is about."""
        return self.form.request

    @property
    def record(self) -> AuditRecord:
        """The record, read from its text."""
        return AuditRecord.model_validate_json(self.text)
