# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from replay.comparators import expansion, hdf5, hdf5_dataset
from replay.comparators.base import ComparisonError
from replay.comparators.difference import Difference, Kind
from replay.comparators.files import compare_files
from replay.comparators.hdf5 import Hdf5Comparator
from replay.comparators.hdf5_types import describe_type
from replay.comparators.policy import Policy, Verdict, Volatile

Tamper = Callable[[h5py.File], Any]

ROW = np.dtype([("id", "<i8"), ("flux", "<f4"), ("name", h5py.string_dtype()), ("shape", "<f8", (2,))])


def fill(file: h5py.File) -> None:
    """Make what HDF5 can hold."""
    file.attrs["origin"] = "test"
    file.attrs["gain"] = 1.5
    file.attrs["weights"] = np.array([1.0, 2.0, 3.0])
    file.attrs["bands"] = ["g", "r"]
    file.attrs["nothing"] = h5py.Empty("f4")
    group = file.create_group("group")
    group["flux"] = np.arange(10.0)
    group["flux"].attrs["units"] = "nJy"
    group["texts"] = ["a", "bb", "ccc"]
    group["fixed"] = np.array([b"a", b"bb"], "S2")
    group["again"] = group["flux"]
    group["top"] = file["/"]
    group["soft"] = h5py.SoftLink("/group/flux")
    group["external"] = h5py.ExternalLink("other.h5", "/x")
    ragged = group.create_dataset("ragged", (3,), dtype=h5py.vlen_dtype("f4"))
    ragged[0], ragged[1] = [1, 2], [3]
    rows = np.zeros(3, ROW)
    rows["id"], rows["name"] = [1, 2, 3], ["x", "y", "z"]
    file["table"] = rows
    references = file.create_dataset("references", (2,), dtype=h5py.ref_dtype)
    references[0] = group["flux"].ref
    file["kinds"] = np.array([0, 1], h5py.enum_dtype({"STAR": 0, "GALAXY": 1}, basetype="i1"))
    file["flags"] = np.array([True, False])
    file["complex"] = np.array([1 + 2j])
    file["empty"] = h5py.Empty("f8")
    file["scalar"] = 3.0
    file["text"] = "hello"
    file["image"] = np.arange(16, dtype="i4").reshape(4, 4)
    file["opaque"] = np.array([b"\1\2"], "V2")
    file["type"] = np.dtype("f8")


def replaced(name: str, value: Any, **options: Any) -> Tamper:
    def tamper(file: h5py.File) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        file.create_dataset(name, data=value, **options).attrs.update(attributes)

    return tamper


def set_cell(name: str, index: Any, value: Any) -> Tamper:
    return lambda file: file[name].__setitem__(index, value)


def set_row(field: str, row: int, value: Any) -> Tamper:
    def tamper(file: h5py.File) -> None:
        rows = file["table"][()]
        rows[field][row] = value
        file["table"][...] = rows

    return tamper


def set_attribute(name: str, value: Any, where: str = "/") -> Tamper:
    return lambda file: file[where].attrs.__setitem__(name, value)


def relinked(name: str, link: Any) -> Tamper:
    def tamper(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return tamper


TAMPERS: dict[str, tuple[Tamper, str]] = {
    "one ULP": (set_cell("group/flux", 2, np.nextafter(2, 3)),
                "dataset /group/again / values: 1 of 10 values differ, max |Δ| 4.44e-16 nJy, max 1 ULP, first at (2):"),
    "NaN": (set_cell("group/flux", 2, np.nan), "1 of 10 values are NaN on one side only, first at (2): 2.0 → nan"),
    "infinity": (set_cell("group/flux", 2, np.inf), "1 of 10 values are infinite"),
    "sign of zero": (set_cell("group/flux", 0, -0.0), "only in the sign of zero"),
    "complex": (set_cell("complex", 0, 1 + 3j), "dataset /complex / values: 1 of 1 values differ, max |Δ| 1"),
    "integer": (set_cell("image", (1, 2), 7), "dataset /image / values: 1 of 16 values differ, max |Δ| 1, bits 0x1"),
    "flag": (set_cell("flags", 1, True), "dataset /flags / values: 1 of 2 values differ, first at (1): False → True"),
    "enumeration": (set_cell("kinds", 0, 1), "dataset /kinds / values: 1 of 2 values differ"),
    "scalar": (set_cell("scalar", (), 4.0), "dataset /scalar / values: 1 of 1 values differ, max |Δ| 1"),
    "text": (set_cell("text", (), "hullo"), "dataset /text / values: 1 of 1 values differ, first at (): b'hello' →"),
    "texts": (set_cell("group/texts", 1, "b"), "dataset /group/texts / values: 1 of 3 values differ, first at (1)"),
    "fixed text": (set_cell("group/fixed", 1, b"b"), "dataset /group/fixed / values: 1 of 2 values differ"),
    "opaque": (set_cell("opaque", 0, np.void(b"\1\3")), "dataset /opaque / values: 1 of 1 values differ"),
    "item": (set_cell("group/ragged", 1, [4.0]), "values: 1 of 3 values differ, max |Δ| 1, max 4194304 ULP, first at "
             "(1) item 0"),
    "length": (set_cell("group/ragged", 2, [4.0]), "values: 1 of 3 cells have another length, first at (2): 0 → 1"),
    "reference": (lambda f: f["references"].__setitem__(0, f["image"].ref),
                  "dataset /references / values: 1 of 2 values differ, first at (0): b'/group/flux' → b'/image'"),
    "no reference": (lambda f: f["references"].__setitem__(1, f["image"].ref), "first at (1): b'nothing' → b'/image'"),
    "field": (set_row("flux", 1, 2.0), "dataset /table / values / field flux: 1 of 3 values differ, max |Δ| 2"),
    "text in a field": (set_row("name", 2, "zz"), "dataset /table / values / field name: 1 of 3 values differ, first"),
    "array in a field": (set_row("shape", 1, [0, 5]), "values / field shape: 1 of 6 values differ, max |Δ| 5"),
    "type": (replaced("image", np.arange(16, dtype="i8").reshape(4, 4)), "values: int32 → int64, values equal"),
    "fields": (replaced("table", np.zeros(3, [("id", "i8")])), "dataset /table / values: compound (id: int64, flux: "),
    "names of an enumeration": (replaced("kinds", np.array([0, 1], h5py.enum_dtype({"S": 0, "G": 1}, basetype="i1"))),
                                "values: enumeration int8 (STAR=0, GALAXY=1) → enumeration int8 (S=0, G=1)"),
    "encoding": (replaced("text", "hello", dtype=h5py.string_dtype("ascii")), "utf-8 text of any length → ascii text"),
    "named type": (lambda f: (f.__delitem__("type"), f.__setitem__("type", np.dtype("f4"))), "type: float64 → float32"),
    "shape": (replaced("image", np.arange(16, dtype="i4")), "dataset /image / values: shape (4, 4) → shape (16,)"),
    "nothing": (replaced("empty", 1.0), "dataset /empty / values: nothing → shape ()"),
    "unit": (set_attribute("units", "Jy", "group/flux"), "attribute units: units 'nJy' → 'Jy'"),
    "attribute": (set_attribute("origin", "x"), "group / / attribute origin: origin 'test' → 'x'"),
    "number": (set_attribute("gain", 1.25), "group / / attribute gain: gain 1.5 → 1.25"),
    "type of an attribute": (set_attribute("gain", np.float32(1.5)), "attribute gain: gain 1.5 → 1.5"),
    "array in an attribute": (set_attribute("weights", [1.0, 2.0, 4.0]), "weights [1.0, 2.0, 3.0] → [1.0, 2.0, 4.0]"),
    "texts in an attribute": (set_attribute("bands", ["g", "i"]), "attribute bands: bands ['g', 'r'] → ['g', 'i']"),
    "attribute of nothing": (set_attribute("nothing", 1.0), "attribute nothing: nothing nothing → 1.0"),
    "new attribute": (set_attribute("new", 1), "group / / attribute new: new only in the re-made file: 1"),
    "no attribute": (lambda f: f.attrs.__delitem__("origin"), "origin missing in the re-made file; was 'test'"),
    "missing": (lambda f: f.__delitem__("image"), "object /image: object /image is missing in the re-made file"),
    "extra": (lambda f: f.create_group("new"), "object /new: object /new is only in the re-made file"),
    "group for a dataset": (lambda f: (f.__delitem__("image"), f.create_group("image")), "object /image: dataset → gr"),
    "soft link": (relinked("group/soft", h5py.SoftLink("/x")), "link /group/soft: soft link to /group/flux → soft"),
    "external link": (relinked("group/external", h5py.ExternalLink("o.h5", "/x")), "external link to /x of other.h5"),
    "copy for a link": (replaced("group/soft", np.arange(10.0)), "link /group/soft: soft link to /group/flux → hard"),
}  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Give a function that writes a file, and again after tampering with it."""

    def write(tamper: Tamper = lambda file: None) -> tuple[Path, Path]:
        paths = tmp_path / "a.h5", tmp_path / "b.h5"
        for path, change in zip(paths, (lambda file: None, tamper), strict=True):
            with h5py.File(path, "w") as file:
                fill(file)
                change(file)
        return paths

    return write


def measured(paths: tuple[Path, Path]) -> list[str]:
    return [str(leaf) for one in Hdf5Comparator().compare(*paths) for leaf in one.leaves()]


@pytest.mark.parametrize("case", TAMPERS)
def test_every_tamper_is_named_and_nothing_else(pair: Any, case: str) -> None:
    tamper, expected = TAMPERS[case]
    lines = measured(pair(tamper))
    assert any(expected in line for line in lines), lines
    assert len(lines) == 1


def test_a_file_equals_itself_and_another_of_the_same(pair: Any) -> None:
    original, remade = pair()
    assert measured((original, original)) == measured((original, remade)) == []


def test_chunks_compression_byte_order_and_links_to_one_object_are_storage(pair: Any) -> None:
    def stored(file: h5py.File) -> None:
        replaced("image", np.arange(16, dtype=">i4").reshape(4, 4), chunks=(2, 2), compression="lzf", shuffle=True)(
            file
        )
        replaced("group/again", np.arange(10.0), fletcher32=True, maxshape=(None,))(file)
        file["group/again"].attrs["units"] = "nJy"

    assert measured(pair(stored)) == []


def test_from_digest_to_verdict(pair: Any) -> None:
    original, remade = pair(set_cell("group/flux", 2, np.nextafter(2, 3)))
    assert original.read_bytes() != remade.read_bytes()
    found = compare_files(original, remade)
    assert (found.comparator, found.verdict) == ("hdf5", Verdict.DIFFERENT)
    assert found.differences == Hdf5Comparator().compare(original, remade)
    assert compare_files(original, remade, Policy(atol="1e-15")).verdict is Verdict.EQUIVALENT


def test_an_attribute_may_be_volatile_or_tolerated(pair: Any) -> None:
    def judged(case: str, policy: Policy) -> Verdict:
        return policy.judge(False, Hdf5Comparator().compare(*pair(TAMPERS[case][0]))).verdict

    assert judged("attribute", Policy(volatile=(Volatile("metadata", "origin", "x"),))) is Verdict.EQUAL
    assert judged("attribute", Policy(volatile=(Volatile("metadata", "other", "x"),))) is Verdict.DIFFERENT
    for case in ("number", "array in an attribute"):
        assert judged(case, Policy(atol="1")) is Verdict.EQUIVALENT
        assert judged(case, Policy(atol="1e-3")) is Verdict.DIFFERENT
    assert judged("type of an attribute", Policy(atol="1", rtol="1")) is Verdict.DIFFERENT


KINDS = ["<f4", ">f8", "<f2", "<i2", ">u8", "?", "S3", "c16", "V2", np.dtype([("a", ">f4"), ("b", "<i8", (2,))])]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_any_array_equals_itself(kind: Any, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    dtype = np.dtype(kind)
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    size = int(np.prod(shape)) * dtype.itemsize
    array = np.frombuffer(data.draw(st.binary(min_size=size, max_size=size)), dtype).reshape(shape)
    folder = tmp_path_factory.mktemp("hdf5")
    for name in ("a", "b"):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["x"] = array
            file.attrs["x"] = array
    assert measured((folder / "a.h5", folder / "b.h5")) == []


def test_pieces_add_up(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(6, 5, 7))
    changed = values + random.normal(size=values.shape) * (random.random(values.shape) < 0.2)
    paths = pair(replaced("image", changed))
    with h5py.File(paths[0], "a") as file:
        replaced("image", values)(file)
    whole = measured(paths)
    assert len(whole) == 1
    for size in (8, 40, 56, 100, 300, 600):
        monkeypatch.setattr(hdf5_dataset, "_PIECE", size)
        assert measured(paths) == whole


def refused(paths: tuple[Path, Path], blamed: int = 1) -> str:
    with pytest.raises(ComparisonError) as caught:
        Hdf5Comparator().compare(*paths)
    assert caught.value.path == paths[blamed]
    assert str(caught.value).isprintable()
    return caught.value.reason


def test_links_are_not_followed(pair: Any, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = 1
    original, remade = pair()
    (tmp_path / "deep").mkdir()
    moved = remade.rename(tmp_path / "deep" / "b.h5")  # where no other.h5 is
    assert measured((original, moved)) == []


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda f: f.create_dataset("x", (4,), "f8", external=[("/etc/passwd", 0, 32)]), "values in other files"),
        (lambda f: f.create_dataset("x", (10**9, 10**6), "f8", chunks=(1000, 1000)), "would unpack to 80000000000000"),
        (lambda f: f.create_dataset("x", (4,), "f8", chunks=(2**28,), maxshape=(None,)), "a chunk of dataset /x would"),
        (lambda f: f.create_dataset("x", data=np.array([f["image"].regionref[:1]], h5py.regionref_dtype)),
         "references to regions"),
    ],
)  # fmt: skip
def test_what_is_not_read(pair: Any, make: Tamper, reason: str) -> None:
    paths = pair(make)
    with h5py.File(paths[0], "a") as file:
        make(file)
    assert reason in refused(paths, 0)


def test_a_virtual_dataset_is_refused(pair: Any) -> None:
    def make(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
        file.create_virtual_dataset("x", layout)

    paths = pair(make)
    with h5py.File(paths[0], "a") as file:
        file["x"] = np.zeros(4)
    assert refused(paths) == "dataset /x has its values in other files, which are not read"


def test_a_filter_that_is_looked_for_among_plugins_is_refused(pair: Any) -> None:
    values = np.arange(100)
    original, remade = pair(replaced("image", values, chunks=(10,), compression="lzf"))
    with h5py.File(original, "a") as file:
        replaced("image", values)(file)
    content = remade.read_bytes()
    lzf, other = (number.to_bytes(2, "little") for number in (32000, 32008))
    assert content.count(lzf) == 1
    remade.write_bytes(content.replace(lzf, other))
    assert refused((original, remade)) == "dataset /image is packed by filter 32008, which is not HDF5's own: not read"


@pytest.mark.parametrize("name", [b"a/b", b"../"])
def test_a_name_that_is_a_path_is_refused(pair: Any, name: bytes) -> None:
    original, remade = pair(lambda file: file.create_group("zzz"))
    remade.write_bytes(remade.read_bytes().replace(b"zzz\0", name + b"\0"))
    assert refused((original, remade)) == f"has a link that is named {name.decode()!r}"


def test_depth_and_number_of_objects(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(file: h5py.File) -> None:
        group = file
        for _ in range(3000):
            group = group.create_group("g")
        group["x"] = 1.0

    paths = pair(deep)
    with h5py.File(paths[0], "a") as file:
        deep(file)
    assert measured(paths) == []
    monkeypatch.setattr(hdf5, "_MOST_OBJECTS", 1000)
    assert refused(paths, 0) == "more than 1000 objects: not read"


def test_an_attribute_that_says_it_is_huge(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "_HARMLESS", 10)
    monkeypatch.setattr(expansion, "_MOST", 0)
    assert refused(pair(), 0).startswith("attribute bands would unpack to 16 bytes from a file of ")


@pytest.mark.parametrize("keep", [0, 7, 100, 600, -1, -2000])
def test_a_truncated_file_is_an_error(pair: Any, tmp_path: Path, keep: int) -> None:
    original, remade = pair()
    cut = tmp_path / "cut.h5"
    cut.write_bytes(remade.read_bytes()[:keep])
    refused((original, cut))


@pytest.mark.slow
def test_damage_anywhere_is_an_error_or_a_difference(pair: Any, tmp_path: Path) -> None:
    """The library crashes or hangs on some of these, which `replay.comparators.apart` makes an error of."""
    original, remade = pair()
    content = remade.read_bytes()
    random = np.random.default_rng(0)
    for place in random.integers(0, len(content), 40):
        damaged = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
        remade.write_bytes(damaged)
        try:
            found: tuple[Difference, ...] = compare_files(original, remade).differences
        except ComparisonError as error:
            assert str(error).isprintable()  # noqa: PT017
        else:
            assert all(isinstance(leaf.difference.kind, Kind) for one in found for leaf in one.leaves())


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        (np.dtype(">f4"), "float32"),
        (np.dtype(("<i2", (3,))), "int16[3]"),
        (np.dtype([("a", ">f4"), ("b", "S3")]), "compound (a: float32, b: ascii text of 3 bytes)"),
        (h5py.vlen_dtype(h5py.vlen_dtype(np.dtype("f8"))), "float64 of any number of any number"),
        (h5py.ref_dtype, "reference"),
        (h5py.regionref_dtype, "reference to a region"),
        (np.dtype("?"), "bool"),
    ],
)
def test_types_as_people_read_them(dtype: Any, text: str) -> None:
    assert describe_type(dtype) == text
