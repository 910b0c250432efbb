"""Makes a browser's screenshots smaller without changing a pixel.

Flat pages are packed best without PNG's filters, which a browser uses all the same. Source: PNG (Third Edition), §9.
"""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXEL = 3  # bytes: red, green, blue


def packed(png: bytes) -> bytes:
    """Return the same picture packed anew. ValueError for anything but 8 bits of red, green and blue."""
    chunks = _chunks(png)
    header = chunks[b"IHDR"]
    width, height, *kind = struct.unpack(">II5B", header)
    if kind != [8, 2, 0, 0, 0]:
        raise ValueError(kind)
    rows = _rows(zlib.decompress(chunks[b"IDAT"]), width * PIXEL, height)
    plain = b"".join(b"\0" + row for row in rows)
    kept = [(b"IHDR", header), (b"IDAT", zlib.compress(plain, 9)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(*each) for each in kept)


def _chunks(png: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = len(SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        found[kind] = found.get(kind, b"") + png[at + 8 : at + 8 + length]
        at += length + 12
    return found


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _rows(filtered: bytes, size: int, height: int) -> list[bytes]:
    above = bytearray(size + PIXEL)  # a pixel of nothing stands left of each row
    rows = []
    for start in range(0, height * (size + 1), size + 1):
        expect, row = _EXPECTATIONS[filtered[start]], bytearray(size + PIXEL)
        for at, byte in enumerate(filtered[start + 1 : start + 1 + size], PIXEL):
            row[at] = (byte + expect(row[at - PIXEL], above[at], above[at - PIXEL])) & 255
        rows.append(bytes(row[PIXEL:]))
        above = row
    return rows


def _nearest(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda byte: abs(guess - byte))


_EXPECTATIONS = (
    lambda _left, _above, _corner: 0,
    lambda left, _above, _corner: left,
    lambda _left, above, _corner: above,
    lambda left, above, _corner: (left + above) // 2,
    _nearest,
)
