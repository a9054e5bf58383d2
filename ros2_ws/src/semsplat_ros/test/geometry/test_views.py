# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.geometry.views import central_crop, prepare_views, same_shape, widened
from semsplat_ros.scene import CameraPrior, IntrinsicsSource
from test.support.camera_priors import image_format, stereo_rig

SMALL = image_format((16, 16))
SIDES = st.integers(16, 2000)
K = torch.tensor([[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]])


@given(SIDES, SIDES, st.integers(16, 512), st.integers(16, 512))
def test_crop_is_central_inside_and_as_large_as_can_be(
    height: int, width: int, net_height: int, net_width: int
) -> None:
    crop = central_crop(height, width, net_height, net_width)
    assert crop.left >= 0 and crop.left + crop.width <= width
    assert crop.top >= 0 and crop.top + crop.height <= height
    assert crop.width == width or crop.height == height
    assert abs(width - crop.width - 2 * crop.left) <= 1
    assert abs(height - crop.height - 2 * crop.top) <= 1
    # The aspect is the network's, to the rounding of the shorter side.
    assert abs(crop.width * net_height - crop.height * net_width) <= max(net_height, net_width)


def test_resize_averages_areas_of_the_crop() -> None:
    image = np.zeros((64, 100, 3), np.uint8)
    image[:, 18:82] = 100  # a square crop takes columns 18..81
    image[:32, 18:50, 0] = 200
    views = prepare_views((image, image), SMALL)
    expected = torch.full((3, 16, 16), 100 / 255)
    expected[0, :8, :8] = 200 / 255
    torch.testing.assert_close(views.images[0], expected)
    assert views.images.dtype == torch.float32


def test_intrinsics_follow_the_crop() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    views = prepare_views((image, image), image_format((128, 160)), CameraPrior((K, K)))
    # Crop 600 x 480 from column 20, a factor of 160/600 = 128/480.
    factor = 160 / 600
    expected = torch.tensor(
        [[500 * factor, 0, 300 * factor], [0, 510 * factor, 240 * factor], [0, 0, 1]]
    )
    torch.testing.assert_close(views.intrinsics[1], expected)
    assert views.intrinsics_source is IntrinsicsSource.PARAMETER


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ((480, 640), (384, 512)),
        ((640, 480), (512, 384)),
        ((720, 1280), (288, 512)),
        ((480, 848), (288, 512)),  # 512 x 290, two rows cut
        ((376, 1241), (144, 512)),
        ((600, 600), (384, 512)),  # square: 4:3
        ((560, 600), (464, 512)),
        ((30, 1000), (32, 512)),  # never fewer than two patches
    ],
)
def test_a_network_image_of_the_images_shape_shows_nearly_all_of_it(
    image: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert same_shape(*image, (384, 512)) == expected


@given(height=st.integers(64, 3000), width=st.integers(64, 3000))
def test_less_than_a_patch_is_cut_on_each_side(height: int, width: int) -> None:
    assume(height != width and max(height, width) < 10 * min(height, width))
    down, across = same_shape(height, width, (384, 512))
    factor = 512 / max(height, width)
    if round(height * factor) == round(width * factor):
        return
    assert down % 16 == across % 16 == 0
    assert max(down, across) == 512
    assert 0 <= round(height * factor) - down < 16
    assert 0 <= round(width * factor) - across < 16


@pytest.mark.parametrize(
    ("keep_shape", "heights", "expected"),
    [
        (True, (640, 640), (64, 48)),
        (False, (640, 640), (48, 64)),
        (True, (480, 480), (48, 64)),
        (True, (270, 270), (32, 64)),
        (True, (640, 270), (32, 48)),  # what both have
    ],
)
def test_images_keep_their_shape_where_the_model_wants_it(
    keep_shape: bool, heights: tuple[int, int], expected: tuple[int, int]
) -> None:
    original_images = tuple(np.zeros((h, 480, 3), np.uint8) for h in heights)
    original_images[0][: heights[0] // 2] = 255
    views = prepare_views(
        original_images, image_format((48, 64), keep_shape=keep_shape), CameraPrior((K, K))
    )
    assert views.images.shape[-2:] == expected
    crop = views.crops[0]
    assert (crop.network_height, crop.network_width) == expected
    assert crop.width / crop.height == pytest.approx(expected[1] / expected[0], rel=0.01)
    # Upright: the upper half stays the bright one, and the intrinsics are those of the crop.
    upper, lower = views.images[0].unflatten(1, (2, -1)).mean(dim=(0, 2, 3))
    assert upper > 0.99 and lower < 0.01
    torch.testing.assert_close(views.intrinsics[0, 0, 0], K[0, 0] * expected[1] / crop.width)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ((480, 640), (128, 160)),
        ((720, 1280), (128, 224)),
        ((400, 640), (128, 192)),
        ((480, 848), (128, 224)),
        ((480, 1920), (128, 224)),  # as wide as it may be, then cut
        ((640, 480), (128, 160)),  # portrait: cut
    ],
)
def test_a_network_image_grows_with_wide_images(
    image: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert widened(*image, (128, 160), 224) == expected


@pytest.mark.parametrize(
    ("intrinsics", "baseline", "width"),
    [(K, 0.1, 224), (K, None, 160), (None, 0.1, 160)],
)
def test_it_grows_for_a_calibrated_rig_alone(
    intrinsics: torch.Tensor | None, baseline: float | None, width: int
) -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    info = image_format((128, 160), max_width=224, stereo_factor=2)
    views = prepare_views((image, image), info, stereo_rig(intrinsics, baseline))
    assert views.images.shape[-2:] == (128, width)
    assert views.crops[0].network_width == width
    if baseline is not None:
        assert views.stereo_images.shape[-2:] == (256, 2 * width)


def test_numpys_intrinsics_will_do_and_a_projection_is_named() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    of_tensors = prepare_views((image, image), SMALL, CameraPrior((K, K)))
    of_arrays = prepare_views((image, image), SMALL, CameraPrior((K.numpy(), K.double())))
    torch.testing.assert_close(of_tensors.intrinsics, of_arrays.intrinsics)
    projection = np.zeros((3, 4))
    with pytest.raises(SemsplatError, match=r"\(3, 4\) given.*first three columns") as error:
        prepare_views((image, image), SMALL, CameraPrior((projection, None)))
    assert error.value.code is ErrorCode.INVALID_ARGUMENT


def test_one_known_camera_serves_both_of_one_size() -> None:
    same = np.zeros((480, 640, 3), np.uint8)
    other = np.zeros((240, 320, 3), np.uint8)
    views = prepare_views((same, same), SMALL, CameraPrior((None, K)))
    torch.testing.assert_close(views.intrinsics[0], views.intrinsics[1])
    views = prepare_views((same, other), SMALL, CameraPrior((K, None)))
    assert views.intrinsics is None
    assert views.intrinsics_source is IntrinsicsSource.ESTIMATED


def test_finer_images_come_from_the_same_crop_where_a_baseline_is_known() -> None:
    rng = np.random.default_rng(0)
    original_images = tuple(rng.integers(0, 256, (128, 160, 3), dtype=np.uint8) for _ in range(2))
    finer = image_format((32, 40), stereo_factor=2)
    views = prepare_views(original_images, finer, stereo_rig(None, 0.1))
    assert views.stereo_images.shape == (2, 3, 64, 80)
    shrunk = torch.nn.functional.avg_pool2d(views.stereo_images, 2)
    torch.testing.assert_close(shrunk, views.images, atol=1.5 / 255, rtol=0)
    assert views.prior.rectified_baseline == 0.1
    numpys = prepare_views(original_images, finer, stereo_rig(None, np.float64(0.1)))
    assert type(numpys.prior.rectified_baseline) is float
    assert prepare_views(original_images, finer).stereo_images is None
    free = CameraPrior(baseline=0.1)
    assert prepare_views(original_images, finer, free).stereo_images is None, "not rectified"


def test_small_images_are_enlarged_smoothly() -> None:
    ramp = np.repeat(np.arange(16, dtype=np.uint8)[None, :, None] * 10, 16, 0).repeat(3, 2)
    row = prepare_views((ramp, ramp), image_format((64, 64))).images[0, 0, 0]
    assert float((row[1:] - row[:-1]).max()) < 5 / 255


@pytest.mark.parametrize(
    ("original_images", "kwargs", "named"),
    [
        ((np.zeros((64, 64), np.uint8),) * 2, {}, "(64, 64)"),
        ((np.zeros((64, 64, 3), np.float32),) * 2, {}, "float32"),
        ((np.zeros((8, 64, 3), np.uint8),) * 2, {}, "16 x 16"),
        ((np.zeros((64, 64, 3), np.uint8),) * 2, {"baseline": 0.0}, "baseline 0 m"),
        ((np.zeros((64, 64, 3), np.uint8),) * 2, {"baseline": float("nan")}, "baseline nan m"),
        (
            (np.zeros((64, 64, 3), np.uint8), np.zeros((64, 60, 3), np.uint8)),
            {"baseline": 0.1, "rectified": True},
            "(64, 60)",
        ),
        ((np.zeros((64, 64, 3), np.uint8),) * 2, {"intrinsics": (-K, None)}, "-500, -510"),
        ((np.zeros((64, 64, 3), np.uint8),) * 2, {"intrinsics": (K,)}, "1 intrinsics"),
        ((np.zeros((64, 64, 3), np.uint8),) * 2, {"stamps_ns": (1, 2, 3)}, "3 stamps_ns"),
        ((np.zeros((64, 64, 3), np.uint8),), {}, "1 images given"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    original_images: tuple, kwargs: dict, named: str
) -> None:
    with pytest.raises(SemsplatError) as caught:
        prepare_views(original_images, SMALL, CameraPrior(**kwargs))
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert named in caught.value.message


def test_an_unrectified_baseline_is_for_images_of_any_size_and_any_number_of_views() -> None:
    sizes = (480, 640), (240, 320), (600, 640)
    images = [np.zeros((*size, 3), np.uint8) for size in sizes]
    prior = CameraPrior((K, None, K), baseline=0.3)
    views = prepare_views(images, SMALL, prior)
    assert len(views) == 3 and views.images.shape == (3, 3, 16, 16)
    assert views.prior.baseline == 0.3 and views.prior.rectified_baseline is None
    assert views.intrinsics is None, "the second camera's size has no known camera"


def test_principal_points_of_both_cameras_are_kept() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    other = K.clone()
    other[0, 2] += 30.0
    views = prepare_views((image, image), image_format((128, 160)), CameraPrior((K, other)))
    assert float(views.intrinsics[1, 0, 2] - views.intrinsics[0, 0, 2]) == pytest.approx(8.0)
