"""Opens a video file, or says what is wrong with it and what helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finesight.data.images import printable
from finesight.data.pyav import load_av
from finesight.errors import InputError

_PICTURES = ("image2", "_pipe")
"""What ffmpeg calls the readers of single pictures ends in one of these."""


class VideoError(InputError):
    """A file that gives no video; `reason` and `remedy` do not name it, the message does."""

    def __init__(self, path: str | Path, reason: str, remedy: str) -> None:
        super().__init__(f"{printable(path)}: {reason}; {remedy}")
        self.path = printable(path)
        self.reason = reason
        self.remedy = remedy


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """A container of PyAV and its video stream: the first one that is not a cover picture.

    Raises:
        VideoError: missing, unreadable, no video, or a picture. InputError: PyAV is not installed.
    """
    av = load_av()
    _look(path)
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.error.PermissionError:
        raise _denied(path) from None
    except av.error.FFmpegError as error:
        raise VideoError(
            path,
            f"is not a video that can be read ({error.strerror})",
            "it is damaged, cut off before its index, or something else; copy or download it again",
        ) from error
    with container:
        yield container, _stream(path, container)


def _look(path: Path) -> None:
    """Raises: VideoError for what no decoder need be asked about."""
    try:
        if path.is_dir():
            raise VideoError(path, "is a directory", "name a video in it")
        if path.exists() and not path.is_file():
            raise VideoError(path, "is not a regular file", "copy its content into a file")
        with path.open("rb") as file:
            if not file.read(1):
                raise VideoError(path, "empty file (0 bytes)", "copy or download it again")
    except FileNotFoundError:
        raise VideoError(path, "no such file", "check the name") from None
    except PermissionError:
        raise _denied(path) from None
    except (OSError, ValueError) as error:
        raise VideoError(path, f"cannot be read ({error})", "check the name and the disk") from error


def _denied(path: Path) -> VideoError:
    return VideoError(path, "no permission to read it", "change its permissions (chmod u+r)")


def _stream(path: Path, container: Any) -> Any:
    if container.format.name.endswith(_PICTURES):
        raise VideoError(path, "is a picture", "pictures go to `finesight diagnose`")
    cover = load_av().stream.Disposition.attached_pic
    moving = [stream for stream in container.streams.video if cover not in stream.disposition]
    if not moving:
        sound = f" but has {len(container.streams.audio)} of sound" if container.streams.audio else ""
        raise VideoError(path, f"has no video stream{sound}", "name a file with pictures that move")
    if moving[0].codec_context is None:
        raise VideoError(path, "no decoder for its video", "convert it, for example to H.264")
    return moving[0]
