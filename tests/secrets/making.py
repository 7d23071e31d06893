# SPDX-License-Identifier: Apache-2.0
"""Makes secrets of real shapes, the same ones every time, from templates.

In a template, ``«b40»`` is a secret of 40 characters of base64, and ``«~b40»`` a random part that is no secret; see
`_ALPHABETS` and `_SPECIAL` for the letters. Nothing that looks like a secret stands in these files themselves.
"""

from __future__ import annotations

import random
import re
import string
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ("Canary", "fill", "from_templates", "letters")

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ALPHABETS = {
    "w": string.ascii_letters + string.digits,
    "l": string.ascii_lowercase + string.digits,
    "u": string.ascii_uppercase + string.digits,
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "d": string.digits,
    "x": string.ascii_uppercase + "234567",
    "y": string.ascii_lowercase + "234567",
    "b": string.ascii_letters + string.digits + "+/",
    "q": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "s": string.ascii_letters + string.digits + "-_",
    "p": string.ascii_letters + string.digits + "!*+=._-~^",
}
"""Base62, lower case, upper case, hexadecimal, digits, base32, base64, bech32, URL-safe base64, what people choose."""

_WORDS = """
amber anchor basalt beacon birch candle canyon cedar cobalt comet copper coral delta ember falcon fjord
garnet glacier granite harbor hazel indigo island jasper juniper kelp lantern lichen lupine magnet maple meadow mesa
nectar obsidian ocean onyx opal orchid pebble pepper plover quartz raven ripple saffron sierra spruce summit tundra
umber velvet walnut willow zephyr zinc
"""

_FIELD = re.compile("«(~?)([a-zA-Z])([0-9]*)»")


@dataclass(frozen=True)
class Canary:
    """A secret and how it stands in what people write.

    Attributes
    ----------
    name : `str`
        Its kind, and in what form it stands.
    secret : `str`
        What must not be found: the secret alone, e.g. a DSN's password.
    text : `str`
        With the secret in it, maybe encoded.
    """

    name: str
    secret: str
    text: str


def letters(kind: str, count: int, rng: random.Random) -> str:
    """Return a random text of one kind; of what is chosen by people, the first and the last are no punctuation."""
    if kind in _SPECIAL:
        return _SPECIAL[kind](count, rng)
    text = "".join(rng.choices(_ALPHABETS[kind], k=count))
    return rng.choice(_ALPHABETS["w"]) + text[1:-1] + rng.choice(_ALPHABETS["w"]) if kind == "p" else text


def fill(template: str, seed: str) -> tuple[str, str]:
    """Return a template's text, and what stands in it from its first secret to its last."""
    rng = random.Random(seed)
    text = ""
    after = 0
    spans: list[int] = []
    for field in _FIELD.finditer(template):
        text += template[after : field.start()]
        public, kind, count = field.groups()
        made = letters(kind, int(count or 0), rng)
        if not public:
            spans += [len(text), len(text) + len(made)]
        text += made
        after = field.end()
    text += template[after:]
    return text, text[spans[0] : spans[-1]] if spans else ""


def from_templates(templates: Mapping[str, str]) -> Iterator[Canary]:
    """Yield a canary for each template; its name is its seed."""
    for name, template in templates.items():
        text, secret = fill(template, name)
        yield Canary(name, secret, text)


def _uuid(_: int, rng: random.Random) -> str:
    value = f"{rng.getrandbits(128):032x}"
    return f"{value[:8]}-{value[8:12]}-4{value[13:16]}-a{value[17:20]}-{value[20:]}"


def _with_checksum(_: int, rng: random.Random) -> str:
    """Return the 36 characters that GitHub and npm end a token with: 30 random ones, then their CRC-32 in base 62."""
    first = "".join(rng.choices(_BASE62, k=30))
    rest = zlib.crc32(first.encode())
    last = ""
    for _number in range(6):
        rest, digit = divmod(rest, 62)
        last = _BASE62[digit] + last
    return first + last


def _words(count: int, rng: random.Random, between: str = "-") -> str:
    return between.join(rng.choices(_WORDS.split(), k=count)) + str(rng.randrange(10, 100))


_SPECIAL: dict[str, Callable[[int, random.Random], str]] = {
    "v": _uuid,
    "g": _with_checksum,
    "k": _words,
    "K": lambda count, rng: _words(count, rng, " "),
}
"""A UUID, the random part of a GitHub or npm token, a passphrase of so many words: hyphened, or with spaces."""
