# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Image messages to RGB: round trips through encoders written here, refusals of what is broken."""

import array
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.inputs import image_decoding
from semsplat_ros.nodes.inputs.image_decoding import (
    ENCODINGS,
    decode,
    decode_compressed,
    decode_image,
    validate,
)

MAX_PIXELS = 1 << 20
RED, GREEN, BLUE = 0, 1, 2
# Upper left 2 x 2 pixels in reading order, as sensor_msgs/image_encodings.hpp names them.
BAYER = {
    "bayer_rggb8": (RED, GREEN, GREEN, BLUE),
    "bayer_bggr8": (BLUE, GREEN, GREEN, RED),
    "bayer_gbrg8": (GREEN, BLUE, RED, GREEN),
    "bayer_grbg8": (GREEN, RED, BLUE, GREEN),
}


def yuv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Y, U, V of ITU-R BT.601, limited range, as uint8 planes."""
    red, green, blue = (rgb[..., i].astype(float) for i in range(3))
    luma = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255
    u = 128 + (-37.797 * red - 74.203 * green + 112.0 * blue) / 255
    v = 128 + (112.0 * red - 93.786 * green - 18.214 * blue) / 255
    return tuple(np.round(plane).astype(np.uint8) for plane in (luma, u, v))


YUV = ("yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21")


def memory_rows(rgb: np.ndarray, encoding: str, big_endian: bool) -> np.ndarray:
    """Rows of memory [rows, row bytes] of a image in an encoding; written without OpenCV."""
    height, width = rgb.shape[:2]
    if encoding in BAYER:
        mosaic = np.empty((height, width), np.uint8)
        for place, channel in enumerate(BAYER[encoding]):
            row, column = divmod(place, 2)
            mosaic[row::2, column::2] = rgb[row::2, column::2, channel]
        return mosaic
    if encoding in YUV:
        luma, u, v = yuv(rgb)
        if encoding in ("nv12", "nv21"):
            chroma = np.stack((u, v) if encoding == "nv12" else (v, u), -1)[::2, ::2]
            return np.concatenate((luma, chroma.reshape(height // 2, width)))
        chroma = np.stack((u, v), -1)[:, ::2].reshape(height, width)
        pair = (chroma, luma) if encoding in ("yuv422", "uyvy") else (luma, chroma)
        return np.stack(pair, -1).reshape(height, width * 2)
    if encoding == "mono8":
        return rgb[..., 0]
    if encoding == "mono16":
        # The two bytes differ, so that their order matters; 100 / 257 is rounded away.
        wide = np.minimum(rgb[..., 0].astype(np.uint32) * 257 + 100, 65535).astype(np.uint16)
        return wide.astype(">u2" if big_endian else "<u2").view(np.uint8)
    alpha = np.full((height, width, 1), 77, np.uint8)
    channels = {"rgb8": rgb, "bgr8": rgb[..., ::-1]}
    channels["rgba8"] = np.concatenate((rgb, alpha), -1)
    channels["bgra8"] = np.concatenate((rgb[..., ::-1], alpha), -1)
    return channels[encoding].reshape(height, -1)


def image_message(
    rgb: np.ndarray,
    encoding: str,
    padding: int = 0,
    last_row_padded: bool = True,
    big_endian: bool = False,
) -> Image:
    """A raw image message with `padding` bytes of 0xA5 after each row."""
    rows = memory_rows(rgb, encoding, big_endian)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xA5)
    data = padded.tobytes()
    if padding and not last_row_padded:
        data = data[:-padding]
    message = Image(height=rgb.shape[0], width=rgb.shape[1], encoding=encoding)
    message.step = padded.shape[1]
    message.is_bigendian = int(big_endian)
    message.data = array.array("B", data)
    return message


def blocks(seed: int, height: int, width: int, encoding: str) -> np.ndarray:
    """A image that survives the encoding: grey, or constant where chroma or colour is shared."""
    rng = np.random.default_rng(seed)
    if encoding.startswith("mono"):
        return np.repeat(rng.integers(0, 256, (height, width, 1), np.uint8), 3, -1)
    if encoding in BAYER:
        return np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (height, width, 3)).copy()
    if encoding in YUV:
        small = rng.integers(0, 256, ((height + 1) // 2, width // 2, 3), np.uint8)
        return small.repeat(2, 0).repeat(2, 1)[:height]
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def refusal(message: Image | CompressedImage, max_pixels: int = MAX_PIXELS) -> SemsplatError:
    with pytest.raises(SemsplatError) as caught:
        decode(message, max_pixels)
    return caught.value


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    padding=st.integers(0, 9),
    last_row_padded=st.booleans(),
    big_endian=st.booleans(),
)
def test_every_encoding_comes_back(
    encoding, seed, height, width, padding, last_row_padded, big_endian
):
    rules = ENCODINGS[encoding]
    if encoding in BAYER:
        height, width = 2 * height + 2, 2 * width + 2
    width += width % 2 if rules.even_width else 0
    height += height % 2 if rules.even_height else 0
    rgb = blocks(seed, height, width, encoding)
    message = image_message(rgb, encoding, padding, last_row_padded, big_endian)
    validate(message, MAX_PIXELS)
    decoded = decode(message, MAX_PIXELS)
    assert decoded.shape == rgb.shape
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    # YUV rounds to 8 bit twice; all others are exact.
    tolerance = 3 if encoding in YUV else 0
    assert np.abs(decoded.astype(int) - rgb.astype(int)).max() <= tolerance


@pytest.mark.parametrize("encoding", BAYER)
@pytest.mark.parametrize(("height", "width"), [(2, 2), (2, 8), (8, 2)])
def test_bayer_images_too_small_to_interpolate_are_refused(encoding, height, width):
    """OpenCV answers with a black image, without an error."""
    message = image_message(blocks(0, height, width, encoding), encoding)
    assert "at least 4 x 4" in refusal(message).message


def test_bayer_patterns_keep_an_edge_where_it_is():
    """Left half red, right half blue: a mirrored or shifted pattern would move or recolour it."""
    rgb = np.zeros((12, 16, 3), np.uint8)
    rgb[:, :8, RED] = 240
    rgb[:, 8:, BLUE] = 200
    for encoding in BAYER:
        decoded = decode_image(image_message(rgb, encoding), MAX_PIXELS).astype(int)
        assert np.abs(decoded[:, :6] - rgb[:, :6]).max() == 0, encoding
        assert np.abs(decoded[:, 10:] - rgb[:, 10:]).max() == 0, encoding


def test_planes_spread_over_height_rows_are_read():
    """A driver that writes step = 3 / 2 width so that step * height is the data length."""
    rgb = blocks(3, 8, 12, "nv12")
    message = image_message(rgb, "nv12")
    message.step = 18
    decoded = decode_image(message, MAX_PIXELS)
    assert np.abs(decoded.astype(int) - rgb.astype(int)).max() <= 3


def test_mono16_is_rounded_over_the_whole_range():
    values = np.array([[0, 128, 129, 256, 257, 32767, 65406, 65407, 65535, 0]], np.uint16)
    message = Image(height=1, width=10, encoding="mono16", step=20)
    message.data = array.array("B", values.astype("<u2").tobytes())
    expected = np.round(values / 257.0)
    assert (decode_image(message, MAX_PIXELS)[..., 0] == expected).all()


@pytest.mark.parametrize("encoding", [*YUV, *BAYER])
def test_odd_sizes_are_refused_where_the_format_needs_even_ones(encoding):
    message = image_message(blocks(0, 6, 8, encoding), encoding)
    message.width = 7
    error = refusal(message)
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert "7 x 6" in error.message
    assert "even" in error.message
    if ENCODINGS[encoding].even_height:
        message.width, message.height = 8, 5
        assert "even" in refusal(message).message


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("change", [-1, 1, -7, 40])
def test_data_of_the_wrong_length_is_refused_with_both_lengths(encoding, change):
    message = image_message(blocks(0, 6, 8, encoding), encoding)
    right = len(message.data)
    data = message.data.tobytes() + bytes(max(change, 0))
    message.data = array.array("B", data[: right + change])
    error = refusal(message)
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert str(right + change) in error.message
    assert str(right) in error.message


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_step_below_a_row_is_refused(encoding):
    message = image_message(blocks(0, 6, 8, encoding), encoding)
    row = message.step
    message.step = row - 1
    error = refusal(message)
    assert f"step is {row - 1}" in error.message
    assert str(row) in error.message


@pytest.mark.parametrize(
    ("height", "width"), [(0, 0), (0, 5), (5, 0), (1025, 1024), (2**32 - 1,) * 2]
)
def test_empty_and_huge_images_are_refused_before_anything_is_allocated(height, width):
    message = Image(height=height, width=width, encoding="rgb8", step=min(3 * width, 2**32 - 1))
    error = refusal(message)
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert f"{width} x {height}" in error.message
    if height and width:
        assert "max_pixels" in error.message


def test_an_unknown_encoding_is_refused_and_the_known_ones_are_named(monkeypatch):
    monkeypatch.setattr(
        image_decoding, "_cv_bridge", lambda: (None, "ModuleNotFoundError: cv_bridge")
    )
    message = Image(height=2, width=2, encoding="rgb16", step=12, data=array.array("B", bytes(24)))
    error = refusal(message)
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert all(name in error.message for name in ("rgb16", "cv_bridge", *ENCODINGS))
    with pytest.raises(SemsplatError):
        validate(message, MAX_PIXELS)


def test_cv_bridge_converts_other_encodings_where_it_is_installed(monkeypatch):
    rgb = blocks(1, 4, 6, "rgb8")
    asked = []

    def convert(message, desired_encoding):
        asked.append((message.encoding, desired_encoding))
        return rgb

    monkeypatch.setattr(
        image_decoding, "_cv_bridge", lambda: (SimpleNamespace(imgmsg_to_cv2=convert), "")
    )
    message = Image(height=4, width=6, encoding="8UC3", step=18, data=array.array("B", bytes(72)))
    assert (decode(message, MAX_PIXELS) == rgb).all()
    assert asked == [("8UC3", "rgb8")]


@pytest.mark.parametrize(
    "answer",
    [None, np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3), np.float32), TypeError("short")],
)
def test_a_failing_cv_bridge_is_a_refusal(monkeypatch, answer):
    def convert(message, desired_encoding):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(
        image_decoding, "_cv_bridge", lambda: (SimpleNamespace(imgmsg_to_cv2=convert), "")
    )
    message = Image(height=4, width=6, encoding="8UC3", step=18, data=array.array("B", bytes(72)))
    error = refusal(message)
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert "cv_bridge" in error.message


def test_data_that_is_no_buffer_is_refused():
    message = Image(height=1, width=1, encoding="mono8", step=1)
    message._data = [3]  # what the setter stores without field checks
    assert "list" in refusal(message).message


# --- files ---


def smooth(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(7)
    return cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), np.uint8), (9, 9), 3)


def file_message(pixels: np.ndarray, ending: str, *options: int) -> CompressedImage:
    """A file with the channels in OpenCV's order."""
    done, data = cv2.imencode(ending, pixels, options)
    assert done
    return CompressedImage(format=ending.lstrip("."), data=array.array("B", data.tobytes()))


def with_data(data: bytes, name: str = "") -> CompressedImage:
    return CompressedImage(format=name, data=array.array("B", data))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(height: int, width: int) -> bytes:
    """A few hundred bytes that declare any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    chunks = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", body), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("progressive", [0, 1])
def test_jpeg(progressive):
    rgb = smooth(61, 83)
    options = (cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_QUALITY, 98)
    decoded = decode_compressed(file_message(rgb[..., ::-1], ".jpg", *options), MAX_PIXELS)
    assert decoded.shape == rgb.shape
    assert np.abs(decoded.astype(int) - rgb.astype(int)).mean() < 2


def test_png_colour_grey_alpha_and_sixteen_bit():
    rgb = smooth(31, 47)
    grey = rgb[..., 0]
    alpha = np.dstack((rgb[..., ::-1], np.full_like(grey, 9)))
    sixteen = rgb[..., ::-1].astype(np.uint16) * 257
    for pixels, expected in (
        (rgb[..., ::-1], rgb),
        (grey, np.dstack((grey, grey, grey))),
        (alpha, rgb),
        (sixteen, rgb),
        (grey.astype(np.uint16) * 257, np.dstack((grey, grey, grey))),
    ):
        assert (decode(file_message(pixels, ".png"), MAX_PIXELS) == expected).all()


def test_the_format_field_of_image_transport_is_no_obstacle():
    message = file_message(smooth(8, 8), ".png")
    message.format = "rgb8; png compressed bgr8"
    assert decode(message, MAX_PIXELS).shape == (8, 8, 3)
    message.format = "16UC1; compressedDepth png"
    error = refusal(message)
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert "depth" in error.message


def test_exif_orientation_does_not_turn_the_image():
    data = bytes(file_message(smooth(20, 40), ".jpg").data)
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0MM\0\x2a\0\0\0\x08" + struct.pack(">H", 1) + entry + bytes(4)
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (40, 20, 3)
    assert decode(with_data(turned), MAX_PIXELS).shape == (20, 40, 3)


@pytest.mark.parametrize(("height", "width"), [(100_000, 100_000), (2**31 - 1, 2**31 - 1), (0, 5)])
def test_a_decompression_bomb_is_refused_by_its_header(monkeypatch, height, width):
    def never(*args):
        raise AssertionError("decoded")

    monkeypatch.setattr(cv2, "imdecode", never)
    error = refusal(with_data(png_bomb(height, width)))
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert f"{width} x {height}" in error.message


def test_a_jpeg_above_the_limit_is_refused_by_its_header(monkeypatch):
    message = file_message(smooth(40, 30), ".jpg")
    assert decode(message, 1200).shape == (40, 30, 3)
    monkeypatch.setattr(cv2, "imdecode", None)
    assert "max_pixels" in refusal(message, 1199).message


@pytest.mark.parametrize("ending", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.05, 0.3, 0.6, 0.9, 0.99])
def test_cut_off_files_are_refused_before_decoding(monkeypatch, ending, share):
    """OpenCV 4.6 would return a half grey image, so it must not even be asked."""
    data = bytes(file_message(smooth(60, 80), ending).data)
    monkeypatch.setattr(cv2, "imdecode", None)
    message = with_data(data[: int(len(data) * share)], ending)
    assert refusal(message).code == ErrorCode.BAD_FILE
    with pytest.raises(SemsplatError):
        validate(message, MAX_PIXELS)


def test_a_thumbnail_does_not_hide_a_cut_off_jpeg(monkeypatch):
    data = bytes(file_message(smooth(60, 80), ".jpg").data)
    thumbnail = bytes(file_message(smooth(8, 8), ".jpg").data)
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = data[:2] + segment + data[2:]
    assert decode(with_data(whole), MAX_PIXELS).shape == (60, 80, 3)
    monkeypatch.setattr(cv2, "imdecode", None)
    assert refusal(with_data(whole[:-200])).code == ErrorCode.BAD_FILE


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"BM" + bytes(60), b"\xff\xd8\xff\xd9"])
def test_other_files_are_refused(data):
    assert refusal(with_data(data)).code == ErrorCode.BAD_FILE


def test_a_corrupt_png_is_refused():
    data = bytearray(file_message(smooth(60, 80), ".png").data)
    data[len(data) // 2] ^= 0xFF
    error = refusal(with_data(bytes(data)))
    assert error.code == ErrorCode.BAD_FILE
    assert "80 x 60" in error.message


# --- fuzz ---


def decodes_or_refuses(message: Image | CompressedImage) -> None:
    try:
        decoded = decode(message, 4096)
    except SemsplatError as error:
        assert error.code in (ErrorCode.INVALID_ARGUMENT, ErrorCode.BAD_FILE)
        assert error.message
    else:
        assert decoded.dtype == np.uint8
        assert decoded.shape[2] == 3


@settings(max_examples=300, deadline=None)
@given(
    encoding=st.sampled_from(list(ENCODINGS)) | st.text(max_size=8),
    height=st.integers(0, 12) | st.integers(0, 2**32 - 1),
    width=st.integers(0, 12) | st.integers(0, 2**32 - 1),
    step=st.integers(0, 40) | st.integers(0, 2**32 - 1),
    data=st.binary(max_size=600),
    is_bigendian=st.integers(0, 255),
)
def test_random_images_give_a_image_or_a_coded_refusal(**fields):
    decodes_or_refuses(Image(**{**fields, "data": array.array("B", fields["data"])}))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_random_and_mutated_files_give_a_image_or_a_coded_refusal(data):
    ending = data.draw(st.sampled_from([".jpg", ".png"]))
    valid = bytearray(file_message(smooth(9, 13), ending).data)
    for _ in range(data.draw(st.integers(0, 6))):
        valid[data.draw(st.integers(0, len(valid) - 1))] = data.draw(st.integers(0, 255))
    junk = data.draw(st.binary(max_size=64))
    starts = st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", bytes(valid)])
    decodes_or_refuses(with_data(data.draw(starts) + junk))
