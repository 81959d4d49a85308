"""Which weights a folder holds, told in a moment: so that a resumed run notices that a model was trained on.

Knows files. Refuses to load them: a hash of every byte of a 15 GB model would cost more than most runs. What is hashed
is each file's name and size, small files whole, and of large ones the ends and places spread between: training
changes every tensor, and a copy on another machine changes none.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

_KINDS = frozenset({".json", ".safetensors", ".bin", ".model", ".jinja", ".txt"})
_WHOLE = 1 << 20
_PIECE = 4096
_PIECES = 256


def weights_print(*models: str) -> str:
    """Hash what lies in the folders among some models' names.

    Parameters
    ----------
    *models : str
        Folders or Hub ids; ids are passed over: what they stand for is known to the Hub alone.

    Returns
    -------
    str
        32 hexadecimal digits; the empty string where no folder is named, or one cannot be read.
    """
    folders = [folder for name in models if name and (folder := Path(name).expanduser()).is_dir()]
    digest = blake2b(digest_size=16)
    try:
        for folder in folders:
            for path in sorted(one for one in folder.iterdir() if one.suffix in _KINDS and one.is_file()):
                digest.update(b"\0" + os.fsencode(path.name) + b"\0" + _sample(path))
    except OSError:
        return ""  # loading it will say what is wrong
    return digest.hexdigest() if folders else ""


def _sample(path: Path) -> bytes:
    """A small file whole; of a large one its size, both ends and places between."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        if size <= _WHOLE:
            return stream.read()
        pieces = [size.to_bytes(8, "big")]
        for number in range(_PIECES):
            stream.seek((size - _PIECE) * number // (_PIECES - 1))
            pieces.append(stream.read(_PIECE))
    return b"".join(pieces)
