"""Values of the log, and the ledger's JSON, squeezed: raw deflate with a dictionary.

Records are short, and most of each is the same: names of fields, and values that are nearly
always those. A stream that begins by knowing them takes a third of what it would take alone. What
squeezed a value is told by a number beside it: 0 for nothing, 1 for the dictionary here, which is
never changed, since what it squeezed could not be read any more; a better one gets the next number.
"""

from __future__ import annotations

import sqlite3
import zlib
from functools import lru_cache

PLAIN, SQUEEZED = 0, 1

LEAST = 64
"""Bytes of a value below which nothing is tried."""

LEVEL = 6

MOST_BYTES = 256 * 2**20
"""What a value may come to: a text is at most 16 MB of it, and no few bytes take all memory."""

# What occurs most often stands last: the nearest is the cheapest to point at.
_DICTIONARY = b"".join(
    (
        b'{"kind":"accepted","id":"","label":"","text":"","embedding":{"encoder":"","f16":"',
        b'"},"authority":"judge","signed":"simulated","at":17',
        b'{"kind":"revoked","id":"","label":"","signed":"gate","at":17',
        b'"question":"verify","options":["","outcome":"invalid","label":"","signed":"local",',
        b'"question":"choose","options":["","outcome":"none","kind":"","signed":"llm","authority":',
        b'"reason":"simulated","tokens":0,"calls":1,"estimated":false,"final":false,"at":17',
        b'"weighed":{"rightly":0.,"wrongly":0.,"label":"","probability":0.},"held":{"text":',
        b'{"text":{"id":"","text":"","attributes":{},"source":"","received":17',
        b'},"embedding":{"encoder":"","f16":"AAAAAAAAAAAAAAAA"},"contenders":[{"label":"","probability":',
        b'0.0000"}],"further":["","rest":0.,"rejected":[],"model":1,"round":1,"audit":false,',
        b'"spared":false,"inclusion":1.0,"rate":1.0,"apart":false,"attempt":0,"timeouts":0,"due":0.0}',
        b'"outcome":"chosen","label":"","outcome":"valid","label":"","signed":"simulated",',
        b'"authority":"judge","independent":true,"round":1,"audit":true,"spared":false,',
        b'"inclusion":1.0,"rate":0.05,"proposed":"","confidence":0.9,"model":1,"neighbours":[],',
        b'"reason":"","tokens":0,"calls":1,"estimated":false,"final":true,"decision":"undecided",',
        b'"decision":"accepted","at":17,"guide":"","prompt":"","confidence":1.0,"contenders":[',
        b'{"id":"","label":"","authority":"judge","decision":1,"event":"","contenders":[{"label":"",',
        b'"probability":0.0},{"label":"","probability":0.00"}],"signed":"simulated","model":1,',
        b'"neighbours":["","","attributes":{},"source":".jsonl:","received":17',
        b'{"id":"","label":"","authority":"classifier","decision":1,"event":"","confidence":0.9,',
        b'"contenders":[{"label":"","probability":0.9},{"label":"","probability":0.0},{"label":"",',
        b'"probability":0.00}],"signed":"model 1","model":1,"neighbours":[],"spared":false,',
        b'"withdrawn":false,"text":"","attributes":{},"source":".jsonl:","received":17,"at":17',
    )
)


def packed(value: bytes | None) -> tuple[int, bytes | None]:
    """Return how a value is kept, and what is kept."""
    if value is None or len(value) < LEAST:
        return PLAIN, value
    squeezer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=_DICTIONARY)
    short = squeezer.compress(value) + squeezer.flush()
    return (SQUEEZED, short) if len(short) < len(value) else (PLAIN, value)


def unpacked(how: int, kept: bytes | None) -> bytes | None:
    """Return the value again.

    Raises:
        ValueError: it was kept in a way that this redstream does not know, or is damaged.
    """
    if how == PLAIN or kept is None:
        return kept
    if how != SQUEEZED:
        raise ValueError(f"a value packed in a way ({how}) that this redstream does not know")
    try:
        stream = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_DICTIONARY)
        value = stream.decompress(kept, MOST_BYTES)
    except (zlib.error, TypeError) as error:
        raise ValueError(f"a damaged value: {error}") from None
    if not stream.eof:
        raise ValueError(f"a damaged value: cut off, or more than {MOST_BYTES >> 20} MiB")
    return value


def kept(json: str) -> str | bytes:
    """Return how JSON is kept in a column of its own: squeezed behind its number, or as it is."""
    how, short = packed(json.encode())
    return json if how == PLAIN or short is None else bytes([how]) + short


def plain(value: str | bytes | None) -> str | None:
    """Return the JSON again.

    Raises:
        ValueError: as for `unpacked`.
    """
    if value is None or isinstance(value, str):
        return value
    return (unpacked(value[0], value[1:]) or b"").decode()


def knows_plain(db: sqlite3.Connection) -> None:
    """Let SQL look into what is `kept`: `json_extract(plain(json), ...)`.

    Of one row it is asked several times in a row.
    """
    db.create_function("plain", 1, lru_cache(maxsize=4)(plain), deterministic=True)
