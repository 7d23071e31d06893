# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, Table
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.comparators.base import ComparisonError
from replay.comparators.difference import Kind
from replay.comparators.ecsv import EcsvComparator
from replay.comparators.policy import NEW_RUN, Policy, Verdict

Write = Callable[..., Path]


def catalogue(**changes: Any) -> Table:
    """Make a table with every kind of column that astropy writes."""
    ragged = np.empty(3, dtype=object)
    ragged[:] = [np.array([1.0, 2.0]), np.array([]), np.array([3.0])]
    documents = np.empty(3, dtype=object)
    documents[:] = [{"a": 1, "b": [1.5]}, None, "text"]
    columns: dict[str, Any] = {
        "id": np.array([1, 2, 3]),
        "flux": np.array([1.0, np.nan, 0.0]) * u.nJy,
        "small": np.array([1, 2, 3], "f4"),
        "half": np.array([1, 2, 3], "f2"),
        "flag": np.array([True, False, True]),
        "band": np.array(["g", "a b", 'quo"ted']),
        "shape": np.arange(12.0).reshape(3, 2, 2),
        "ragged": ragged,
        "document": documents,
        "masked": MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False]),
        "big": np.array([2**64 - 1, 0, 1], "u8"),
        "time": Time([58000.0, 58001.5, 58002.25], format="mjd"),
    }
    table = Table({**columns, **changes})
    table.meta["LSST.BUTLER.RUN"] = "u/me/run1"
    table.meta["origin"] = "test"
    return table


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give a function that writes a table as astropy does."""

    def run(name: str, table: Table, **options: Any) -> Path:
        path = tmp_path / f"{name}.ecsv"
        table.write(path, overwrite=True, **options)
        return path

    return run


def masked(*, mask: list[bool]) -> MaskedColumn:
    return MaskedColumn([1.0, 2.0, 3.0], mask=mask)


def ragged(last: list[float]) -> Any:
    cells = np.empty(3, dtype=object)
    cells[:] = [np.array([1.0, 2.0]), np.array([]), np.array(last)]
    return cells


def documents(first: Any) -> Any:
    cells = np.empty(3, dtype=object)
    cells[:] = [first, None, "text"]
    return cells


def renamed(**meta: str) -> Table:
    table = catalogue()
    table.meta.update(meta)
    return table


def described(text: str) -> Table:
    table = catalogue()
    table["id"].description = text
    return table


TAMPERS: dict[str, tuple[Callable[[], Table], str]] = {
    "one ULP": (lambda: catalogue(flux=np.array([np.nextafter(1, 2), np.nan, 0.0]) * u.nJy),
                "column flux: 1 of 3 values differ, max |Δ| 2.22e-16 nJy, max 1 ULP, first at row 0: 1.0 →"),
    "NaN": (lambda: catalogue(flux=np.array([1, 2, 0.0]) * u.nJy), "column flux: 1 of 3 values are NaN on one side"),
    "infinity": (lambda: catalogue(flux=np.array([np.inf, np.nan, 0.0]) * u.nJy), "column flux: 1 of 3 values are inf"),
    "sign of zero": (lambda: catalogue(flux=np.array([1.0, np.nan, -0.0]) * u.nJy), "only in the sign of zero"),
    "single": (lambda: catalogue(small=np.array([1, 2, 4], "f4")), "column small: 1 of 3 values differ, max |Δ| 1"),
    "half": (lambda: catalogue(half=np.array([1, 2, 4], "f2")), "column half: 1 of 3 values differ, max |Δ| 1"),
    "integer": (lambda: catalogue(id=np.array([1, 2, 7])), "column id: 1 of 3 values differ, max |Δ| 4, bits 0x4"),
    "large integer": (lambda: catalogue(big=np.array([2**64 - 2, 0, 1], "u8")), "column big: 1 of 3 values differ"),
    "flag": (lambda: catalogue(flag=np.array([True, True, True])), "column flag: 1 of 3 values differ, first at row 1"),
    "text": (lambda: catalogue(band=np.array(["g", "a  b", 'quo"ted'])), "column band: 1 of 3 values differ"),
    "quotes": (lambda: catalogue(band=np.array(["g", "a b", "quo'ted"])), "column band: 1 of 3 values differ"),
    "line break": (lambda: catalogue(band=np.array(["g", "a\nb", 'quo"ted'])), "first at row 1: 'a b' → 'a\\nb'"),
    "null": (lambda: catalogue(masked=masked(mask=[False] * 3)), "column masked: 1 of 3 values are null on one side"),
    "array": (lambda: catalogue(shape=np.arange(12.0).reshape(3, 2, 2)[::-1]), "column shape: "),
    "shape": (lambda: catalogue(shape=np.arange(12.0).reshape(3, 4)), "column shape: fixed_size_list"),
    "item": (lambda: catalogue(ragged=ragged([4.0])), "column ragged: 1 of 3 values differ, max |Δ| 1"),
    "length": (lambda: catalogue(ragged=ragged([3.0, 4.0])), "column ragged: 1 of 3 cells have another length"),
    "document": (lambda: catalogue(document=documents({"a": 2})), "column document.json: 1 of 3 values differ"),
    "type": (lambda: catalogue(id=np.array([1, 2, 3], "i4")), "column id: int64 → int32"),
    "type of an array": (lambda: catalogue(shape=np.zeros((3, 2, 2), "f4")), "column shape: fixed_size_list"),
    "text for a number": (lambda: catalogue(small=np.array(["1.0", "2.0", "3.0"])), "column small: float → "),
    "unit": (lambda: catalogue(flux=np.array([1.0, np.nan, 0.0]) * u.Jy), "column flux: unit 'nJy' → 'Jy'"),
    "no unit": (lambda: catalogue(flux=np.array([1.0, np.nan, 0.0])), "column flux: unit missing"),
    "description": (lambda: described("what"), "column id: description only in the re-made file: 'what'"),
    "part of a time": (lambda: catalogue(time=Time([58000.0, 58001.5, 58002.5], format="mjd")), "column time: 1 of 3"),
    "row order": (lambda: catalogue()[[0, 2, 1]], "rows: the same 3 rows in another order: 2 have moved"),
    "number of rows": (lambda: catalogue()[:2], "rows: 3 → 2 rows"),
    "metadata": (lambda: renamed(origin="other"), "metadata origin: origin 'test' → 'other'"),
    "RUN": (lambda: renamed(**{"LSST.BUTLER.RUN": "x"}), "metadata LSST.BUTLER.RUN: LSST.BUTLER.RUN 'u/me/run1' → 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("case", TAMPERS)
def test_every_tamper_is_different_and_named(write: Write, judge: Any, case: str) -> None:
    make, expected = TAMPERS[case]
    verdict, lines = judge(write("a", catalogue()), write("b", make()))
    assert verdict is Verdict.DIFFERENT
    assert any(expected in line for line in lines), lines


@pytest.mark.parametrize("case", ["one ULP", "null", "text", "type", "row order", "metadata", "unit", "item"])
def test_nothing_else_is_reported(write: Write, judge: Any, case: str) -> None:
    _, lines = judge(write("a", catalogue()), write("b", TAMPERS[case][0]()))
    assert len(lines) == 1


def test_columns(write: Write, judge: Any) -> None:
    fewer = catalogue()
    fewer.remove_column("band")
    _, lines = judge(write("a", catalogue()), write("b", fewer))
    assert lines == ["column band: column band is missing in the re-made file"]


def test_the_delimiter_is_storage(write: Write, judge: Any) -> None:
    files = write("a", catalogue()), write("b", catalogue(), delimiter=",")
    assert judge(*files) == (Verdict.EQUAL, [])


def test_provenance_in_a_new_run(write: Write, judge: Any) -> None:
    files = write("a", catalogue()), write("b", renamed(**{"LSST.BUTLER.RUN": "other"}))
    assert judge(*files, NEW_RUN) == (Verdict.EQUAL, [])
    assert judge(*files)[0] is Verdict.DIFFERENT


def test_a_tolerance_covers_floats_only(write: Write, judge: Any) -> None:
    loose = Policy(rtol="0.5", atol="0.5")
    for case, verdict in (("one ULP", Verdict.EQUIVALENT), ("NaN", Verdict.DIFFERENT), ("text", Verdict.DIFFERENT)):
        assert judge(write("a", catalogue()), write("b", TAMPERS[case][0]()), loose)[0] is verdict


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(),
            st.floats(width=32),
            st.integers(-(2**63), 2**63 - 1),
            st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_values_are_read_as_astropy_reads_them(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    path = tmp_path_factory.mktemp("ecsv") / "a.ecsv"
    a, b, c, d = zip(*rows, strict=True)
    Table({"a": np.array(a), "b": np.array(b, "f4"), "c": np.array(c, "i8"), "d": np.array(d)}).write(path)
    again = Table.read(path)
    schema, count, column = EcsvComparator._open(path)
    assert (schema.names, count) == (["a", "b", "c", "d"], len(rows))
    for name in "abcd":
        read = column(name).to_pylist()
        expected = again[name].tolist()
        assert [repr(one) for one in read] == [repr(one) for one in expected]
    assert EcsvComparator().compare(path, path) == ()


HEADER = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: x, datatype: float64}\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "does not begin as an ECSV file does"),
        ("# %ECSV", "does not begin as an ECSV file does"),
        ("x\n1\n", "does not begin as an ECSV file does"),
        ("# %ECSV 1.0\n", "not enough values"),
        ("# %ECSV 1.0\n# ---\n# meta: {}\n", "datatype"),
        ("# %ECSV 1.0\n# ---\n# a: [\n", "expected the node content"),
        (HEADER + "y\n1\n", "has other columns in its header than above its table"),
        (HEADER, "has other columns in its header than above its table"),
        (HEADER + "x\n1 2\n", "row 0 has 2 cells, not 1"),
        (HEADER + "x\none\n", "column x: could not convert"),
        (HEADER + 'x\n"1\n', "unexpected end of data"),
        (HEADER.replace("float64", "object") + "x\n1\n", "ECSV has no datatype 'object'"),
        (HEADER.replace("float64", "'<U5'") + "x\n1\n", "ECSV has no datatype"),
        (HEADER.replace("float64", "bool") + "x\nyes\n", "column x: 'yes' is no bool"),
        (HEADER.replace("float64", "int8") + "x\n300\n", "is no int8"),
        (HEADER.replace("float64", "float64, subtype: 'float64[2]'") + "x\n1\n", "with the subtype 'float64[2]'"),
        (HEADER.replace("float64", "string, subtype: 'float64[-1]'") + "x\n1\n", "is no shape"),
        (HEADER.replace("float64", "string, subtype: 'float64[2]'") + "x\n[1]\n", "a cell of another shape"),
        (HEADER.replace("float64", "string, subtype: 'float64[2]'") + "x\n{}\n", "a cell without items"),
        (HEADER.replace("float64", "string, subtype: json") + "x\n{\n", "column x: "),
        (HEADER.replace("float64", "string, subtype: 'float64[99999,99999]'") + 'x\n""\n', "would unpack to 79998400"),
        (HEADER.replace("float64", "string, subtype: 'float64[null]'") + f"x\n{'[' * 99999}\n", "nested too deeply"),
        (HEADER.replace("- {", "- {name: x, datatype: int8}\n# - {") + "x x\n1 1\n", "several columns of one name"),
        (HEADER.replace("# datatype:", "# delimiter: '|'\n# datatype:") + "x\n1\n", "has the delimiter '|'"),
        (HEADER + "x\n" + "1" * 5000 + "e400\n", None),
    ],
)
def test_damaged_and_hostile_files(tmp_path: Path, content: str, reason: str | None) -> None:
    good, bad = tmp_path / "good.ecsv", tmp_path / "bad.ecsv"
    good.write_text(HEADER + "x\n1\n")
    bad.write_text(content)
    if reason is None:
        assert EcsvComparator().compare(good, bad)[0].kind is Kind.INF
        return
    # Against itself: of another type, a column isn't read at all.
    with pytest.raises(ComparisonError) as caught:
        EcsvComparator().compare(bad, bad)
    assert caught.value.path == bad
    assert reason in caught.value.reason
    assert str(caught.value).isprintable()
    with suppress(ComparisonError):
        assert {leaf.difference.kind for one in EcsvComparator().compare(good, bad) for leaf in one.leaves()} & {
            Kind.DTYPE
        }


def test_a_tag_in_a_header_is_compared_and_never_acted_upon(tmp_path: Path, judge: Any) -> None:
    paths = tmp_path / "a.ecsv", tmp_path / "b.ecsv"
    for path, tag in zip(paths, ("os.getcwd", "os.system"), strict=True):
        tagged = f"# meta: {{a: !!python/object/apply:{tag} [x], b: !numpy.ndarray [1]}}\n"
        path.write_text(HEADER + tagged + "x\n1\n")
    verdict, lines = judge(*paths)
    assert verdict is Verdict.DIFFERENT
    assert lines[0].startswith("metadata a.tag:yaml.org,2002:python/object/apply:os.getcwd")


def test_damage_anywhere_raises_nothing_but_the_documented_error(write: Write, tmp_path: Path) -> None:
    original = write("a", catalogue())
    content = original.read_bytes()
    damaged = tmp_path / "damaged.ecsv"
    for place in range(0, len(content), 29):
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 0x5F]) + content[place + 1 :])
        with suppress(ComparisonError), warnings.catch_warnings():
            warnings.simplefilter("error")
            EcsvComparator().compare(original, damaged)
