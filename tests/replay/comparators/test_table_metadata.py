# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from replay.comparators.difference import Difference, Kind
from replay.comparators.table_metadata import compare_metadata


def schema(field: dict[str, str] | None = None, **table: str) -> pa.Schema:
    return pa.schema([pa.field("flux", pa.float64(), metadata=field), pa.field("id", pa.int64())], metadata=table)


def compare(a: pa.Schema, b: pa.Schema) -> list[Difference]:
    return list(compare_metadata(a, b))


def astropy(unit: str = "nJy", **meta: Any) -> str:
    lines = ["datatype:", f"- {{name: flux, unit: {unit}, datatype: float64}}", "- {name: id, datatype: int64}"]
    lines += ["meta: !!omap"] if meta else []
    return "\n".join([*lines, *(f"- {{{key}: {json.dumps(value)}}}" for key, value in meta.items())])


def pandas(unit: str = "nJy", **attributes: Any) -> str:
    columns = [{"name": "flux", "field_name": "flux", "pandas_type": "float64", "metadata": {"unit": unit}}]
    return json.dumps({"columns": columns, "index_columns": ["id"], "attributes": attributes, "pandas_version": "3"})


def test_a_unit_recorded_twice_is_reported_once() -> None:
    a = schema({"unit": "nJy"}, table_meta_yaml=astropy("nJy"))
    (found,) = compare(a, schema({"unit": "Jy"}, table_meta_yaml=astropy("Jy")))
    assert (found.where, found.kind, found.detail) == ("column flux", Kind.UNIT, "unit 'nJy' → 'Jy'")


@pytest.mark.parametrize(("field", "yaml"), [("nJy", "Jy"), ("Jy", "nJy")])
def test_a_unit_that_changes_in_one_of_two_places_is_reported(field: str, yaml: str) -> None:
    a = schema({"unit": "nJy"}, table_meta_yaml=astropy("nJy"))
    (found,) = compare(a, schema({"unit": field}, table_meta_yaml=astropy(yaml)))
    assert (found.where, found.kind) == ("column flux", Kind.UNIT)


def test_a_column_called_unit_is_not_a_unit() -> None:
    a, b = (pa.schema([pa.field("unit", pa.int8(), metadata={"description": text})]) for text in "ab")
    (found,) = compare(a, b)
    assert found.kind is Kind.METADATA


def test_a_list_is_not_a_mapping() -> None:
    a, b = (schema(table_meta_yaml=astropy(x=value)) for value in ([5], {"0": 5}))
    assert len(compare(a, b)) == 2


def test_keys_that_astropy_nests_keep_their_name() -> None:
    a = schema(table_meta_yaml=astropy(**{"LSST.BUTLER.RUN": "one", "deep": {"list": [1, 2.0]}}))
    (found,) = compare(a, schema(table_meta_yaml=astropy(**{"LSST.BUTLER.RUN": "two", "deep": {"list": [1, 2.0]}})))
    assert (found.kind, found.measures["name"]) == (Kind.METADATA, "LSST.BUTLER.RUN")
    (found,) = compare(a, schema(table_meta_yaml=astropy(**{"LSST.BUTLER.RUN": "one", "deep": {"list": [1, 2.5]}})))
    assert (found.where, found.detail) == ("metadata deep.list.[1]", "deep.list.[1] 2.0 → 2.5")
    assert found.measures["frontier"] == "2.0:0.5"
    (found,) = compare(a, schema(table_meta_yaml=astropy(**{"LSST.BUTLER.RUN": "one", "deep": {"list": [1, 2]}})))
    assert "frontier" not in found.measures


def test_an_empty_value_is_not_an_absent_one() -> None:
    a = schema(table_meta_yaml=astropy(x=None, y={}))
    assert compare(a, a) == []
    found = compare(a, schema(table_meta_yaml=astropy(z=1)))
    assert [one.measures["name"] for one in found] == ["x", "y", "z"]


def test_what_pandas_serialises() -> None:
    a = schema(pandas=pandas("nJy", exposure=30))
    (found,) = compare(a, schema(pandas=pandas("Jy", exposure=30)))
    assert (found.where, found.kind) == ("column flux", Kind.UNIT)
    (found,) = compare(a, schema(pandas=pandas("nJy", exposure=31)))
    assert (found.kind, found.measures["name"]) == (Kind.METADATA, "pandas.attributes.exposure")


def test_units_in_attributes_are_units() -> None:
    (found,) = compare(schema(pandas=pandas(units={"flux": "Jy"})), schema(pandas=pandas(units={"flux": "nJy"})))
    assert found.kind is Kind.UNIT


def test_description_of_a_column() -> None:
    (found,) = compare(schema({"description": "a"}), schema({"description": "b"}))
    assert (found.where, found.kind, found.measures["name"]) == ("column flux", Kind.METADATA, "description")


def test_positions_that_parquet_numbers_are_storage() -> None:
    assert compare(schema({"PARQUET:field_id": "1"}), schema({"PARQUET:field_id": "2"})) == []


def test_columns_of_one_side_are_left_out() -> None:
    a = schema({"unit": "nJy"}, table_meta_yaml=astropy())
    b = pa.schema(
        [pa.field("id", pa.int64())], metadata={"table_meta_yaml": "datatype:\n- {name: id, datatype: int64}"}
    )
    assert [one.measures["name"] for one in compare(a, b)] == []


BOMB = (
    "datatype: []\nmeta: {x: &a0 [1, 2]" + "".join(f", x{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)) + "}"
)


@pytest.mark.parametrize("key", ["table_meta_yaml", "pandas"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "a: b",
        '{"columns": 3}',
        "datatype: [{x: y}]",
        "\ud8ff",
        "&a [*a]",
        "datatype: []\nmeta: &a {x: *a}",
        BOMB,
    ],
)
def test_metadata_that_is_not_what_it_says_is_compared_as_text(key: str, text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    a, b = (pa.schema([], metadata={key: value}) for value in (raw, raw + b" # other"))
    found = compare(a, b)
    assert [one.measures["name"] for one in found] == [key]
    assert compare(a, a) == []


@pytest.mark.parametrize("metadata", [{b"\xff": b"\xfe"}, {b"pandas": b'{"columns": [], "\\ud800": "\\ud801"}'}])
def test_what_is_not_unicode_can_still_be_stored(metadata: dict[bytes, bytes]) -> None:
    (found,) = compare(pa.schema([]), pa.schema([], metadata=metadata))
    assert json.dumps(found.to_json(), ensure_ascii=False).encode()


def test_nothing_is_constructed(capsys: pytest.CaptureFixture[str]) -> None:
    evil = astropy() + "\nx: !!python/object/apply:builtins.print [run]"
    (found,) = compare(schema(table_meta_yaml=evil), schema(table_meta_yaml=evil.replace("[run]", "[ran]")))
    assert "builtins.print" in str(found.measures["name"])
    assert capsys.readouterr().out == ""
