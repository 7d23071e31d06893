# SPDX-License-Identifier: Apache-2.0
"""Types of HDF5 values, as people read them and as values are measured by."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

__all__ = ("as_array", "as_text", "describe_type", "is_plain")


def as_text(name: str) -> str:
    """Show a name of the file's; bytes of it that are not UTF-8, which h5py hides in surrogates, are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def describe_type(dtype: Any) -> str:
    """Name a type, whatever its byte order and where in a compound its fields stand.

    Parameters
    ----------
    dtype : `numpy.dtype`
        With the metadata that h5py adds.
    """
    if dtype.subdtype is not None:
        return f"{describe_type(dtype.subdtype[0])}{list(dtype.shape)}"
    if dtype.names:
        fields = ", ".join(f"{as_text(name)}: {describe_type(dtype[name])}" for name in dtype.names)
        return f"compound ({fields})"
    if (text := h5py.check_string_dtype(dtype)) is not None:
        return f"{text.encoding} text of {'any length' if text.length is None else f'{text.length} bytes'}"
    if (members := h5py.check_enum_dtype(dtype)) is not None:
        named = ", ".join(f"{name}={value}" for name, value in sorted(members.items(), key=lambda one: one[1]))
        return f"enumeration {np.dtype(dtype.str).newbyteorder('=')} ({named})"
    if (items := h5py.check_vlen_dtype(dtype)) is not None:
        return f"{describe_type(items)} of any number"
    if (reference := h5py.check_ref_dtype(dtype)) is not None:
        return "reference" if reference is h5py.Reference else "reference to a region"
    return str(dtype.newbyteorder("="))


def is_plain(dtype: Any) -> bool:
    """Tell whether values of a type are numbers, flags or bytes of one size, not made of several."""
    return not (dtype.hasobject or dtype.names or dtype.subdtype)


def as_array(value: Any, dtype: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Put a value into an array of its own shape; h5py hands out an only text, or an only list, without one."""
    if not dtype.hasobject or dtype.names or dtype.subdtype:
        return np.asarray(value)
    array = np.empty(shape, dtype=object)
    if shape:
        array[...] = value
    else:
        array[()] = value
    return array
