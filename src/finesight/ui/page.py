"""Pages of one file: they hold their style, script and pictures and ask for nothing else.

Their content security policy allows no request and no script but their own, whatever a file name or a model's answer
may contain.
"""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

_FOLDER = Path(__file__).parent


def render_page(page: str, **values: Any) -> str:
    """PAGE.html, with PAGE.js as its script and PAGE.css behind what all pages have as its style."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_FOLDER / f"{page}.js").read_text("utf-8")
    style = "".join((_FOLDER / f"{part}.css").read_text("utf-8") for part in ("page", page))
    return environment.get_template(f"{page}.html").render(
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )


def data_uri(data: bytes, kind: str) -> str:
    """Data as an address in the page itself."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def picture_uri(rgb: NDArray[np.uint8], side_px: int) -> str:
    """A picture at `side_px` at most; the compression must not add to what is to be seen."""
    image = Image.fromarray(rgb)
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85 if max(image.size) > 500 else 92)
    return data_uri(file.getvalue(), "image/jpeg")
