"""Any picture file is decoded as a person would see it, or refused with a reason."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from finesight.data.decode import MAX_PIXELS, WORKING_PIXELS, Undecodable, decode

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)

# EXIF 2.32, tag 274: where row 0 and column 0 of the stored pixels are seen.
STORED_AS: dict[int, NDArray[np.uint8]] = {
    1: RGB,
    2: RGB[:, ::-1],
    3: RGB[::-1, ::-1],
    4: RGB[::-1],
    5: RGB.transpose(1, 0, 2),
    6: RGB.transpose(1, 0, 2)[::-1],
    7: RGB[::-1, ::-1].transpose(1, 0, 2),
    8: RGB.transpose(1, 0, 2)[:, ::-1],
}


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    stored = Image.fromarray(np.ascontiguousarray(STORED_AS[orientation]))
    assert np.array_equal(decode(encode(stored, kind, exif=exif, **options)), RGB)


def test_broken_exif_leaves_the_pixels_alone() -> None:
    data = encode(Image.fromarray(RGB), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert np.array_equal(decode(data), RGB)


def test_alpha_is_laid_over_white() -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = 0, 128, 255
    assert decode(encode(Image.fromarray(rgba), "PNG"))[0, :, 0].tolist() == [255, 127, 0]


@pytest.mark.parametrize("mode", ["LA", "P", "L", "RGB"])
def test_transparency_of_other_modes_is_white_too(mode: str) -> None:
    image = Image.new(mode, (2, 1), 0)
    if mode == "LA":
        image.putalpha(0)
        data = encode(image, "PNG")
    else:
        data = encode(image, "PNG", transparency=(0, 0, 0) if mode == "RGB" else 0)
    assert (decode(data) == 255).all()


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.array([[0, 257, 30000, 65535]], np.uint16)
    for data in (encode(Image.fromarray(ramp), "PNG"), encode(Image.fromarray(ramp), "TIFF")):
        assert decode(data)[0, :, 1].tolist() == [0, 1, round(30000 / 257), 255]


def test_16_bit_colour_is_scaled_not_clipped() -> None:
    bgr = np.array([[[0, 30000, 65535]]], np.uint16)
    for suffix in (".png", ".tiff"):
        data = cv2.imencode(suffix, bgr)[1].tobytes()
        assert np.abs(decode(data)[0, 0].astype(int) - [255, 117, 0]).max() <= 1


def test_float_and_wide_integer_samples_are_scaled() -> None:
    unit = np.array([[0.0, 0.5, 1.0, np.nan, np.inf]], np.float32)
    assert decode(encode(Image.fromarray(unit), "TIFF"))[0, :, 0].tolist() == [0, 128, 255, 0, 0]
    wide = np.array([[-5, 0, 65535]], np.int32)
    assert decode(encode(Image.fromarray(wide), "TIFF"))[0, :, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_colours_become_rgb(mode: str) -> None:
    image = Image.fromarray(np.array([[0, 255]], np.uint8)).convert(mode)
    assert decode(encode(image, "PNG")).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_cmyk_jpeg_keeps_its_colours() -> None:
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    assert np.abs(decode(data).astype(int) - [255, 0, 0]).max() <= 3


def test_a_colour_profile_is_applied() -> None:
    linear = _linear_profile()
    grey = Image.new("RGB", (4, 4), (55, 55, 55))  # 0.2157 of full light is 0.502 in sRGB (IEC 61966-2-1)
    seen = decode(encode(grey, "PNG", icc_profile=linear))
    assert np.abs(seen.astype(int) - 128).max() <= 2


def _linear_profile() -> bytes:
    """Pillow's sRGB profile with its three tone curves replaced by the identity."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile = profile.replace("sRGB".encode("utf-16-be"), "line".encode("utf-16-be"))
    count = struct.unpack(">I", profile[128:132])[0]
    for entry in range(count):
        name, start, size = struct.unpack(">4sII", profile[132 + 12 * entry : 144 + 12 * entry])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            assert size >= 16
            profile[start : start + 16] = b"para" + bytes(4) + struct.pack(">HHi", 0, 0, 65536)
    return bytes(profile)


def test_an_unusable_profile_is_ignored() -> None:
    data = encode(Image.fromarray(RGB), "PNG", icc_profile=b"not a profile")
    assert np.array_equal(decode(data), RGB)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 0, 255), (0, 255, 0))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert (decode(data) == [255, 0, 0]).all()


def test_one_pixel_is_a_picture() -> None:
    assert decode(encode(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_huge_picture_comes_reduced(kind: str) -> None:
    height, width = 6000, 9000
    assert height * width > WORKING_PIXELS
    left_dark = np.zeros((height, width), np.uint8)
    left_dark[:, width // 2 :] = 200
    options = {"compress_level": 1} if kind == "PNG" else {"quality": 90}
    rgb = decode(encode(Image.fromarray(left_dark), kind, **options))
    assert rgb.shape == (3000, 4500, 3)
    assert abs(int(rgb[5, 100, 0])) <= 2
    assert abs(int(rgb[5, -100, 0]) - 200) <= 2


def _png_claiming(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
        + b"\0\0\0\x09IDAT"
    )


def _jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.new("L", (8, 8)), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize("width", [13400, 20000, 2**30])
def test_decompression_bombs_are_refused_before_they_are_decoded(width: int) -> None:
    assert width * width > MAX_PIXELS
    with pytest.raises(Undecodable, match="more than 178 megapixels"):
        decode(_png_claiming(width, width) + bytes(100))


def test_a_jpeg_may_be_larger_than_others_but_not_boundless() -> None:
    with pytest.raises(Undecodable, match="more than 256 megapixels"):
        decode(_jpeg_claiming(65000, 65000))
    assert decode(_jpeg_claiming(16000, 12500)).shape == (6250, 8000, 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "HEIF"),
        (b"\0\0\0\x18ftypisom" + bytes(20), "video"),
        (b"RIFF\xff\0\0\0AVI LIST", "video"),
        (b"\0\0\0\x18ftypavif" + bytes(20), "damaged"),
        (b"<svg xmlns='...'/>", "SVG"),
        (b"just text", "not a picture format"),
        (b"\0", "not a picture format"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "damaged"),
        (b"\xff\xd8\xff\xe0" + bytes(40), "damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture format"),
    ],
)
def test_what_is_not_a_picture_is_named_for_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(Undecodable, match=reason):
        decode(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000", "PPM", "AVIF"])
def test_a_truncated_file_is_damaged_whatever_its_format(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), kind)
    assert decode(data).shape == (64, 64, 3)
    with pytest.raises(Undecodable):
        decode(data[: len(data) // 2])


def test_the_warnings_of_pillow_do_not_reach_the_caller() -> None:
    image = Image.new("L", (9500, 9500))  # between the sizes at which Pillow warns and at which it refuses
    data = encode(image, "PNG", compress_level=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decode(data)
