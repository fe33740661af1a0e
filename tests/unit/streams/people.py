"""Files as people have them, with texts that `tiny` can label."""

from __future__ import annotations

import datetime
import gzip
from decimal import Decimal
from pathlib import Path

import pyarrow as arrow
from pyarrow import parquet

SPREADSHEET = (
    "\ufeffNr;Beschreibung;Größe;label\r\n"
    '007;"printer paper jam; again";1,50;x\r\n'
    '008;"my ""password""\r\nis forgotten";;\r\n'
    "009;;2;\r\n"
    "010;printer paper jam;=1+1;ünï\r\n"
    "\r\n"
    "011;too;many;cells;here\r\n"
    "012;the meeting room;1e5;"
).encode()

NESTED = (
    b'{"key":"a", "ticket": {"body": "printer paper jam", "n": 1.0}, "x": 1e5, "y": 1.50}\n'
    b'{"key":"b","ticket":{"body":"my password"},"label":{"of":["theirs",null]}}\n'
    b"not JSON\n"
    b'{"key":"c","ticket":{"body":7}}\n'
    b'{  "ticket" : {"body": "the meeting room"}  }\r\n'
    b"{}\n"
)

LATIN = (
    'id\tmessage\tprix\n1\tprinter paper jam caf\xe9\t5 \xa3\n2\t"my password\tna\xefve\n'.encode(
        "latin-1"
    )
)

WIDE_COLUMNS = [f"column {n}" for n in range(99)]


def wide() -> bytes:
    """100 columns, with newlines, quotes and commas in the cells."""
    header = ",".join(['"text"', *WIDE_COLUMNS]) + "\n"
    rows = [
        ",".join(
            [f'"printer paper jam\n\nnumber {n}, ""quoted"""', *[f"{n}.{c}0" for c in range(99)]]
        )
        for n in range(30)
    ]
    return (header + "\n".join(rows) + "\n").encode()


def a_parquet_file(path: Path) -> arrow.Table:
    """Types that text files do not have, with metadata."""
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    table = arrow.table(
        {
            "uuid": arrow.array([1, 2, None], arrow.int32()),
            "body": arrow.array(["printer paper jam", None, "my password"], arrow.large_string()),
            "price": arrow.array([Decimal("1.50"), None, Decimal("2.00")], arrow.decimal128(9, 2)),
            "when": arrow.array([when, None, when], arrow.timestamp("us", "UTC")),
            "tags": arrow.array([["a"], [], None], arrow.list_(arrow.string())),
            "picture": arrow.array([b"\xff\x00", None, b""], arrow.binary()),
            "n": arrow.array([float("nan"), 1.5, None], arrow.float32()),
            "kind": arrow.array(["x", "y", "x"]).dictionary_encode(),
        }
    ).replace_schema_metadata({b"mine": b"kept"})
    parquet.write_table(table, path, compression="zstd", row_group_size=2)
    return parquet.read_table(path)


def zipped(path: Path) -> Path:
    """The file again, gzipped."""
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed
