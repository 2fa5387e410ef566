import pytest

from app.domain.errors import InvalidRequest
from app.domain.json import Json
from app.domain.normalise import UploadRef
from app.domain.normalise.forms import nested


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([("a", "1")], {"a": "1"}),
        ([("a", "1"), ("a", "2")], {"a": ["1", "2"]}),
        ([("a[]", "1")], {"a": ["1"]}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[1]", "y"), ("a[0]", "x")], {"a": ["x", "y"]}),
        ([("a[7]", "y"), ("a[]", "z")], {"a": ["y", "z"]}),
        ([("a[0]", "x"), ("a[0]", "y")], {"a": [["x", "y"]]}),
        ([("a[b]", "1"), ("a[c][d]", "2")], {"a": {"b": "1", "c": {"d": "2"}}}),
        ([("a[0][b]", "1"), ("a[1][b]", "2"), ("a[0][c]", "3")], {"a": [{"b": "1", "c": "3"}, {"b": "2"}]}),
        ([("a[][]", "1"), ("a[][]", "2")], {"a": [["1", "2"]]}),
        ([("a[][0]", "1"), ("a[][0]", "2"), ("a[][1]", "3")], {"a": [["1"], ["2", "3"]]}),
        ([("a[][b][]", "1"), ("a[][b][]", "2")], {"a": [{"b": ["1", "2"]}]}),
        (
            [("a[b", "1"), ("[b]", "2"), ("c]", "3"), ("d[e]f", "4"), ("", "5")],
            {"a[b": "1", "[b]": "2", "c]": "3", "d[e]f": "4", "": "5"},
        ),
        ([], {}),
    ],
)
def test_names_rebuild_objects(parts: list[tuple[str, str]], body: dict[str, Json]) -> None:
    assert nested(parts) == body


def test_a_new_element_starts_when_the_sub_path_exists_already() -> None:
    parts = [
        ("metadata[content][][type]", "image_url"),
        ("metadata[content][][image_url][url]", "u1"),
        ("metadata[content][][role]", "first_frame"),
        ("metadata[content][][type]", "video_url"),
        ("metadata[content][][video_url][url]", "u2"),
    ]

    assert nested(parts) == {
        "metadata": {
            "content": [
                {"type": "image_url", "image_url": {"url": "u1"}, "role": "first_frame"},
                {"type": "video_url", "video_url": {"url": "u2"}},
            ]
        }
    }


def test_a_file_keeps_its_nature() -> None:
    body = nested([("image[]", UploadRef.of("image[]", 0, "a.png")), ("image[]", UploadRef.of("image[]", 1, "b.png"))])

    images = body["image"]
    assert isinstance(images, list)
    assert [type(image) for image in images] == [UploadRef, UploadRef]
    assert images == ["upload:image[]#0:a.png", "upload:image[]#1:b.png"]


@pytest.mark.parametrize(
    "parts",
    [
        [("a", "1"), ("a[b]", "2")],
        [("a[b]", "2"), ("a", "1")],
        [("a[b]", "2"), ("a[]", "1")],
        [("a[0]", "1"), ("a[b]", "2")],
        [("a[x][b]", "1"), ("a[x]", "2")],
    ],
)
def test_a_name_cannot_be_an_object_and_a_value(parts: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        nested(parts)

    assert (caught.value.code, caught.value.param) == ("conflicting_parameters", "a")


@pytest.mark.parametrize("name", ["a" + "[b]" * 9, "a" + "[]" * 100_000, "a[1000]", "a[" + "9" * 5000 + "]"])
def test_hostile_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        nested([(name, "x")])

    assert (caught.value.code, caught.value.param) == ("invalid_value", name[:100])


def test_the_deepest_and_highest_allowed_names_pass() -> None:
    assert nested([("a[999]", "x")]) == {"a": ["x"]}
    assert nested([("a" + "[b]" * 8, "x")])["a"]
    assert nested([("a[٣]", "x")]) == {"a": {"٣": "x"}}
