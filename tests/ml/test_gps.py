from __future__ import annotations

from types import SimpleNamespace

import pytest
from exifread.utils import Ratio

from ml.decode.gps import Tags, altitude, coordinates


def place(lat: object = (48, 30, 0), lat_ref: object = "N", lon: object = (2, 15, 36), lon_ref: object = "E") -> Tags:
    def tag(value: object) -> SimpleNamespace:
        return SimpleNamespace(values=list(value) if isinstance(value, tuple) else value)

    return {
        "GPS GPSLatitude": tag(lat),
        "GPS GPSLatitudeRef": tag(lat_ref),
        "GPS GPSLongitude": tag(lon),
        "GPS GPSLongitudeRef": tag(lon_ref),
    }


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (place(), (48.5, 2.26)),
        (place(lat_ref="S"), (-48.5, 2.26)),
        (place(lon_ref="W\0"), (48.5, -2.26)),
        (place(lat_ref="s", lon_ref="w"), (-48.5, -2.26)),
        (place(lat=(Ratio(4851, 100), 0, 0)), (48.51, 2.26)),
        (place(lat=(48, Ratio(305, 10), 0)), (48 + 30.5 / 60, 2.26)),
        (place(lat=(90, 0, 0), lon=(180, 0, 0)), (90, 180)),
    ],
)
def test_coordinates(tags: Tags, expected: tuple[float, float]) -> None:
    assert coordinates(tags) == pytest.approx(expected)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        place(lat=(Ratio(0, 0), Ratio(0, 0), Ratio(0, 0))),
        place(lat=(48, 30, Ratio(0, 0))),
        place(lat=(91, 0, 0)),
        place(lon=(180, 0, 1)),
        place(lat=(48, 61, 0)),
        place(lat=(-48, 0, 0)),
        place(lat_ref=""),
        place(lon_ref="X"),
        place(lat_ref=[1]),
        place(lat=()),
        place(lat=(1, 2, 3, 4)),
        place(lat="48.5"),
        place(lat=("a", "b", "c")),
        place(lat=(0, 0, 0), lon=(0, 0, 0)),
    ],
)
def test_nonsense_is_no_place(tags: Tags) -> None:
    assert coordinates(tags) == (None, None)


@pytest.mark.parametrize(
    ("metres", "reference", "expected"),
    [
        ([Ratio(1205, 10)], [0], 120.5),
        ([Ratio(1205, 10)], None, 120.5),
        ([430], [1], -430),
        ([Ratio(0, 0)], [0], None),
        ([10**9], [0], None),
        ([20_000], [1], None),
        ([], [0], None),
    ],
)
def test_altitude(metres: list[float], reference: list[int] | None, expected: float | None) -> None:
    tags = {"GPS GPSAltitude": SimpleNamespace(values=metres)}
    if reference is not None:
        tags["GPS GPSAltitudeRef"] = SimpleNamespace(values=reference)
    assert altitude(tags) == expected
