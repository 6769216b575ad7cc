"""Picture files: which ones the user means, and each as a `Picture` or an error that names it."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from finesight.data.decode import Undecodable, brief, decode, header_size
from finesight.errors import InputError
from finesight.schema.picture import Picture

_DECODABLE = "jpg jpeg jpe jfif mpo png apng webp avif gif bmp dib tif tiff ppm pgm pbm pnm jp2 j2k"
_NOT_DECODABLE = "heic heif jxl"
SUFFIXES = frozenset(f".{name}" for name in f"{_DECODABLE} {_NOT_DECODABLE}".split())
"""What counts as a picture inside a folder. What cannot be decoded is among it, to be listed with its reason:
a photo passed over in silence would be missed by nobody."""

MAX_BYTES = 512 * 1024**2


class PictureError(InputError):
    """A file or argument that gives no picture; `reason` and `remedy` do not name it, the message does."""

    def __init__(self, path: str, reason: str, remedy: str) -> None:
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path = path
        self.reason = reason
        self.remedy = remedy


def printable(path: str | Path) -> str:
    """A path as text that can be shown and stored: bytes that are not UTF-8 become U+FFFD."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def load_picture(path: str | Path) -> Picture:
    """The picture in a file. Very large ones come reduced; width and height are those of the result.

    Raises:
        PictureError: missing, unreadable, not a picture, damaged, or beyond the limits of `decode`.
    """
    name = printable(path)
    try:
        data = _read(Path(path))
        return Picture(path=name, rgb=decode(data), sha256=hashlib.sha256(data).hexdigest())
    except Undecodable as error:
        raise PictureError(name, error.reason, error.remedy) from error


def picture_size(path: str | Path) -> tuple[int, int]:
    """(width, height) of the picture in a file, EXIF-turned, in pixels; nothing is decoded.

    Raises:
        PictureError: missing, unreadable, or not a picture.
    """
    try:
        with Path(path).open("rb") as file:
            return header_size(file)
    except Undecodable as error:
        raise PictureError(printable(path), error.reason, error.remedy) from error
    except (OSError, ValueError) as error:
        raise PictureError(printable(path), f"cannot be read ({brief(error)})", "check the name") from error


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise Undecodable("is a directory", "name the files in it")
        if path.exists() and not path.is_file():
            raise Undecodable("is not a regular file", "copy its content into a file")
        if path.stat().st_size > MAX_BYTES:
            raise Undecodable(f"file of more than {MAX_BYTES >> 20} MiB", "store it smaller")
        data = path.read_bytes()
    except FileNotFoundError:
        raise Undecodable("no such file", "check the name") from None
    except PermissionError:
        raise Undecodable("no permission to read it", "change its permissions (chmod u+r)") from None
    except (OSError, ValueError) as error:
        raise Undecodable(f"cannot be read ({brief(error)})", "check the name and the disk") from error
    if not data:
        raise Undecodable("empty file (0 bytes)", "copy or download it again")
    return data


def find_pictures(arguments: Iterable[str | Path]) -> tuple[list[Path], list[PictureError]]:
    """The picture files meant by files, folders and glob patterns, each once, in the order of the arguments.

    A folder stands for every picture in and below it by suffix, sorted, hidden ones left out; a file or a
    match of a pattern is taken whatever its name. The second list holds what stood for nothing.
    """
    found: dict[str, Path] = {}
    problems: list[PictureError] = []
    for argument in arguments:
        try:
            for path in _expand(argument, problems):
                found.setdefault(os.path.abspath(path), path)
        except PictureError as error:
            problems.append(error)
    return list(found.values()), problems


def _expand(argument: str | Path, problems: list[PictureError]) -> list[Path]:
    """Files behind one argument; folders that cannot be listed are added to `problems`."""
    if os.path.isdir(argument):
        return _walk(Path(argument), problems)
    if os.path.lexists(argument):  # before the pattern: "a[1].jpg" may well be a file
        return [Path(argument)]
    if not glob.has_magic(str(argument)):
        raise PictureError(printable(argument), "no such file", "check the name")
    matches = sorted(glob.glob(str(argument), recursive=True))
    if not matches:
        raise PictureError(printable(argument), "no file matches", "check the pattern")
    return [path for match in matches for path in _expand(match, problems)]


def _walk(folder: Path, problems: list[PictureError]) -> list[Path]:
    def unlisted(error: OSError) -> None:
        problems.append(
            PictureError(printable(error.filename), f"cannot be listed ({brief(error)})", "check it")
        )

    before = len(problems)
    paths: list[Path] = []
    for top, folders, files in os.walk(folder, onerror=unlisted):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [Path(top, name) for name in files if _is_picture_name(name)]
    if not paths and len(problems) == before:
        raise PictureError(printable(folder), "no picture in this folder", "name another")
    return sorted(paths)


def _is_picture_name(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES
