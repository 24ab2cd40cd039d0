"""A process that never sends the same text twice does not grow, whoever asks."""

import subprocess
import sys
from pathlib import Path

CHILD = """
import resource, sys
import grants.recorder, rewriter.revealing, rewriter.schemas, rewriter.trust
from datetime import UTC, datetime
from sqlalchemy import create_engine, text
from grants.audit import KeyedHash
from grants.recorder import Recorder
from grants.trail import Trail
from masking import Policy
from rewriter import acting_as, install
from tests.rewriter.hooked import EMAIL, Ledger

for memory in (grants.recorder, rewriter.revealing, rewriter.trust):
    memory._MOST_REMEMBERED = 50
rewriter.schemas._PRIVATE_BYTES = 1 << 20  # each connection of SQLite has a database of its own in memory

class Dropping:
    is_durable = True
    def write(self, record):
        pass

trail = Trail([Dropping()], KeyedHash(b"k"))
recorder = Recorder(lambda _: trail, {"default": trail}, clock=lambda: datetime.now(UTC))
ledger = Ledger()
ledger.grant("ana", EMAIL)
engine = create_engine("sqlite://")
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT)"))
    connection.execute(text("INSERT INTO customers VALUES (1, 'ada@cell.example')"))
policy = Policy.parse("columns: {customers.email: redact}\\ntrusted: [root]")
install(engine, policy=policy, grants=ledger, audit=recorder)

def run(numbers):
    for number in numbers:
        with acting_as(("ana", "bo", "root")[number % 3]), engine.connect() as connection:
            sql = f"SELECT email FROM customers WHERE id = 1 AND email <> '{number:06}{'x' * 6000}'"
            rows = connection.exec_driver_sql(sql).all()
            assert rows == [(("ada@cell.example", "[redacted]", "ada@cell.example")[number % 3],)], rows

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1024 * 1024)

run(range(FILLING))
before = peak()
run(range(FILLING, FILLING + MORE))
recorder.settle()
print(peak() - before)
"""
FILLING, MORE = 500, 900
"""Statements that fill every memory to its bound, here a small one, and as many as weigh far more than is allowed."""
_ALLOWED = 3  # megabytes


def test_a_process_that_never_sends_the_same_text_twice_does_not_grow() -> None:
    """Masked, revealed under a live grant, or trusted: what is remembered of statements is bounded."""
    script = CHILD.replace("FILLING", str(FILLING)).replace("MORE", str(MORE))
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])  # noqa: S603 -- our own words
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= _ALLOWED
