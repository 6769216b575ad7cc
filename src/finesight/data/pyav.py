"""PyAV, which reads and writes video, where it is installed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from finesight.errors import InputError


def load_av() -> Any:
    """PyAV.

    Raises:
        InputError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise InputError(
            "PyAV, which reads videos, is not installed: pip install 'finesight[video]'"
        ) from error
    return av


def require_encoders(names: Iterable[str]) -> None:
    """Check that PyAV has all of these encoders.

    Raises:
        InputError: it is not installed, or its FFmpeg was built without one of them.
    """
    missing = sorted(set(names) - load_av().codecs_available)
    if missing:
        raise InputError(
            f"PyAV has no encoder {', '.join(missing)}; take the wheel of PyPI: pip install --force-reinstall av"
        )
