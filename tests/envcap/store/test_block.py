# SPDX-License-Identifier: Apache-2.0
"""Blocks and packs: what goes in comes out, byte for byte, and what was changed is noticed."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.synthetic import synthetic_jobs
from envcap.digest import digest_of
from envcap.errors import FormatError
from envcap.store.block import Block, BlockWriter
from envcap.store.journal import Damage, Record
from envcap.store.pack import PackWriter, read_block, read_pack
from tests.packing import forged_block, packed

SEAL = "9c2fe6cd19202529:e74255b7963d696d9ebdfba37baca418"
UUID = "01a219eb-1f33-7480-9dd8-b2c54e310295"
DIGEST = "sha256:" + "ab" * 32
Given = tuple[str, bytes, str | None]


def unpacked(pack: bytes) -> tuple[list[Given], list[Damage]]:
    """Return the records of a pack, and its damage."""
    found = list(read_pack(io.BytesIO(pack)))
    records = [record for block in found if isinstance(block, Block) for record in block]
    assert all(record.digest == digest_of(record.data) for record in records)
    return [(r.kind, r.data, r.seal) for r in records], [one for one in found if isinstance(one, Damage)]


@pytest.fixture(scope="module")
def many() -> list[Given]:
    """Give the records of enough jobs for several blocks."""
    return [record for job in synthetic_jobs(150) for record in job.records]


def test_a_pack_holds_what_went_in(many: list[Given]) -> None:
    assert unpacked(packed(many)) == (many, [])


def test_a_job_takes_less_than_its_budget(many: list[Given]) -> None:
    """DESIGN section 6: 600 bytes."""
    assert len(packed(many)) / 150 < 600


def test_each_record_reads_back_from_its_place(many: list[Given]) -> None:
    stream = io.BytesIO()
    writer = PackWriter(stream)
    places = [writer.add(*record) for record in many]
    writer.finish()
    assert len({offset for offset, _ in places}) > 2
    for (kind, data, seal), (offset, number) in list(zip(many, places, strict=True))[::7]:
        found = read_block(stream, offset).record(number)
        assert (found.kind, found.data, found.seal, found.digest) == (kind, data, seal, digest_of(data))
        assert (found.offset, found.number) == (offset, number)


VALUES = [f'"{UUID}"', f'"{DIGEST}"', f'"{UUID.upper()}"', f'"{DIGEST[:-1]}"', f'"{UUID}x"', DIGEST]
MARKS = [b"\0", b"\4\x80\x80", b"\5@"]
pieces = st.one_of(st.binary(max_size=9), st.sampled_from(VALUES).map(str.encode), st.sampled_from(MARKS))
anything = st.tuples(
    st.sampled_from(["manifest", "x"]), st.lists(pieces).map(b"".join), st.sampled_from([None, SEAL, "a:b"])
)


@settings(max_examples=300, deadline=None)
@given(st.lists(anything))
def test_any_bytes_come_back(records: list[Given]) -> None:
    assert unpacked(packed(records)) == (records, [])


def test_more_values_than_are_numbered_come_back() -> None:
    """The first 16,384 values of a block have numbers; later ones are written each time."""
    values = [f"{number:08x}-1f33-7480-9dd8-b2c54e310295" for number in range(16_390)]
    data = ("[" + ",".join(f'"{value}"' for value in (*values, *values[-8:], values[0])) + "]").encode()
    assert unpacked(packed([("manifest", data, SEAL)])) == ([("manifest", data, SEAL)], [])


def test_every_flipped_bit_is_noticed_and_costs_one_block(many: list[Given]) -> None:
    good = packed(many)
    blocks = [block for block in read_pack(io.BytesIO(good)) if isinstance(block, Block)]
    second = blocks[1]
    lost = [(r.kind, r.data, r.seal) for r in second]
    kept = [record for record in many if record not in lost]
    header = good.index(b"\n", second.offset)
    places = [*range(second.offset, header + 1), *range(header + 1, second.end - 1, 997)]
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 0x10
        records, damage = unpacked(bytes(bad))
        assert records == kept, place
        assert len(damage) == 1, place


def test_a_pack_that_is_cut_off_keeps_what_came_before(many: list[Given]) -> None:
    good = packed(many)
    first = next(block for block in read_pack(io.BytesIO(good)) if isinstance(block, Block))
    for size in (first.end + 1, first.end + 300, len(good) - 2):
        records, damage = unpacked(good[:size])
        assert records == many[: len(records)]
        assert len(records) >= len(first)
        assert damage


def test_a_block_of_a_newer_kind_is_told_from_damage() -> None:
    _, (damage,) = unpacked(forged_block(1, b"x", codec=b"zstd"))
    assert "update envcap" in damage.reason


@pytest.mark.parametrize("length", [0, 10, 1 << 28])
def test_a_text_that_is_longer_than_it_says_is_not_unpacked(length: int) -> None:
    """A few kilobytes may unpack to gigabytes."""
    writer = BlockWriter()
    writer.add("manifest", b"a" * (1 << 20), None)
    _, data, values = writer.finish()
    with pytest.raises(FormatError, match="bytes"):
        Block(1, length, data, values, 0, 0)


def test_values_that_are_missing_or_left_over_are_noticed() -> None:
    writer = BlockWriter()
    writer.add("manifest", f'"{UUID}"'.encode(), None)
    length, data, values = writer.finish()
    for wrong in (values[:-1], values + b"x", b""):
        with pytest.raises(FormatError, match="values"):
            Block(1, length, data, wrong, 0, 0)


def test_a_record_that_is_not_there_is_an_error(many: list[Given]) -> None:
    block = read_block(io.BytesIO(packed(many[:3])), 0)
    for number in (-1, 3):
        with pytest.raises(FormatError, match=f"none of number {number}"):
            block.record(number)
    assert isinstance(block.record(2), Record)


@pytest.mark.parametrize("offset", [-5, 1, 10**9])
def test_an_offset_without_a_block_is_an_error(many: list[Given], offset: int) -> None:
    with pytest.raises(FormatError, match="no block at byte"):
        read_block(io.BytesIO(packed(many[:3])), offset)
