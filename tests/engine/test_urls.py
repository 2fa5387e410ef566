import pytest

from app.engine.urls import follow, is_absolute, origin_of, raw_target, split


def test_path_and_query_are_kept_byte_for_byte() -> None:
    url = "https://cdn.example.com/a%2Fb/c.mp4?sig=x%2By%3d'|z&e="
    assert split(url).text == url
    assert raw_target(url) == "/a%2Fb/c.mp4?sig=x%2By%3d'|z&e="


def test_a_fragment_is_left_out_and_an_empty_path_gets_its_slash() -> None:
    assert split("HTTPS://Example.COM#top").text == "https://example.com/"
    assert split("https://example.com?a=1").text == "https://example.com/?a=1"


def test_letters_outside_ascii_are_encoded() -> None:
    assert split("https://example.com/猫.png").path == "/%E7%8C%AB.png"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/a", "https://EXAMPLE.com:443/b"),
        ("http://example.com", "http://example.com:80/"),
        ("http://[2001:DB8::1]/", "http://[2001:db8::1]:80"),
    ],
)
def test_the_same_origin_has_one_spelling(one: str, other: str) -> None:
    assert origin_of(one) == origin_of(other) != ""


def test_other_origins_differ() -> None:
    assert origin_of("https://example.com") != origin_of("http://example.com")
    assert origin_of("https://example.com") != origin_of("https://example.com:8443")
    assert origin_of("/relative") == ""


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/a",
        "https://",
        "https:///a",
        "https://user@example.com/",
        "https://user:pass@example.com/",
        "https://example.com\\@10.0.0.1/",
        "https://example.com/a b",
        "https://example.com/\r\nX: y",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:8o/",
        "https://exa%6dple.com/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://example.com/" + "a" * 8_192,
    ],
)
def test_a_url_that_parsers_could_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        split(url)


def test_a_location_is_followed_from_where_it_was_sent() -> None:
    assert follow("https://example.com/a/b?c", "../d") == "https://example.com/d"
    assert follow("https://example.com/a", "//other.example.com/x") == "https://other.example.com/x"
    assert follow("https://example.com/a", "http://x.example.com/'y") == "http://x.example.com/'y"


def test_absolute_paths_are_told_from_relative_ones() -> None:
    assert is_absolute("sandbox://local/x")
    assert not is_absolute("/v1/videos?next=https://example.com")
