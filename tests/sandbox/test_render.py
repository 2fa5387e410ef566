"""What the sandbox writes is what was asked for, down to the container's boxes."""

from pathlib import Path

import av
import pytest
from PIL import Image

from app.sandbox.clip import write_clip
from app.sandbox.picture import font, wrap, write_picture
from app.sandbox.spec import Spec, read_spec
from tests.sandbox.wishes import clip, picture


def made_clip(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / "clip.mp4"
    assert write_clip(path, read_spec(clip(**changes)), 0, lambda share: True)
    return path


@pytest.mark.parametrize(
    ("width", "height", "fps", "seconds"), [(128, 72, 12, 1), (72, 128, 25, 2), (64, 64, 60, 1), (214, 120, 24, 1)]
)
def test_a_clip_has_the_size_rate_and_length_asked_for(tmp_path: Path, width: int, height: int, fps: int, seconds: int) -> None:
    path = made_clip(tmp_path, width=width, height=height, fps=fps, seconds=seconds)
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == (width, height)
        assert video.average_rate == fps
        assert container.duration is not None
        assert abs(container.duration / 1e6 - seconds) <= 1 / fps
        assert sum(1 for _ in container.decode(video=0)) == seconds * fps
        assert not container.streams.audio


def test_odd_sides_are_rounded_up_to_even(tmp_path: Path) -> None:
    with av.open(str(made_clip(tmp_path, width=129, height=71))) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (130, 72)


def test_a_clip_with_audio_has_an_aac_tone_of_the_same_length(tmp_path: Path) -> None:
    with av.open(str(made_clip(tmp_path, audio=True, seconds=2, fps=24))) as container:
        audio = container.streams.audio[0]
        assert audio.codec_context.name == "aac"
        assert container.duration is not None
        assert abs(container.duration / 1e6 - 2) <= 1 / 24
        loudest = max(abs(int.from_bytes(bytes(frame.planes[0])[400:404], "little")) for frame in container.decode(audio=0))
    assert loudest > 0


def test_the_index_stands_before_the_media_so_that_it_streams(tmp_path: Path) -> None:
    content = made_clip(tmp_path).read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_the_picture_moves_and_counts(tmp_path: Path) -> None:
    with av.open(str(made_clip(tmp_path))) as container:
        frames = [frame.reformat(format="gray").planes[0] for frame in container.decode(video=0)]
    assert bytes(frames[0]) != bytes(frames[5]) != bytes(frames[11])


def test_the_seed_decides_the_pattern(tmp_path: Path) -> None:
    one = made_clip(tmp_path, seed=1).read_bytes()
    again = made_clip(tmp_path, seed=1).read_bytes()
    other = made_clip(tmp_path, seed=2).read_bytes()
    assert one == again
    assert one != other


def test_a_render_that_is_told_to_stop_says_so(tmp_path: Path) -> None:
    assert not write_clip(tmp_path / "clip.mp4", read_spec(clip()), 0, lambda share: False)


@pytest.mark.parametrize("word", ["png", "jpeg", "webp"])
def test_a_picture_has_the_format_and_size_asked_for(tmp_path: Path, word: str) -> None:
    path = tmp_path / "picture"
    write_picture(path, read_spec(picture(format=word, width=97, height=65, notes=["1 input: image"])), 0)
    with Image.open(path) as image:
        image.load()
        assert (image.format, image.size) == (word.upper(), (97, 65))


def test_compression_makes_a_smaller_picture(tmp_path: Path) -> None:
    rough, fine = tmp_path / "rough", tmp_path / "fine"
    write_picture(rough, read_spec(picture(format="jpeg", quality=10)), 0)
    write_picture(fine, read_spec(picture(format="jpeg", quality=95)), 0)
    assert rough.stat().st_size < fine.stat().st_size


@pytest.mark.parametrize("prompt", ["", "猫" * 3000, "w" * 3000, "a\x00b\u202ec\n\n\nd\U0001f600", "مرحبا नमस्ते"])
@pytest.mark.parametrize(("width", "height"), [(16, 16), (64, 64), (640, 20), (20, 640)])
def test_no_prompt_and_no_shape_breaks_a_picture(tmp_path: Path, prompt: str, width: int, height: int) -> None:
    write_picture(tmp_path / "picture", read_spec(picture(prompt=prompt, width=width, height=height)), 0)
    with Image.open(tmp_path / "picture") as image:
        assert image.size == (width, height)


def test_no_prompt_breaks_a_tiny_clip(tmp_path: Path) -> None:
    assert made_clip(tmp_path, width=16, height=16, prompt="猫" * 50).stat().st_size > 0


def test_text_is_wrapped_within_the_width() -> None:
    face = font(12, "猫a")
    lines = wrap("一只猫在海边看日落 a lighthouse at dusk " * 3 + "x" * 200, face, 120)
    assert len(lines) > 5
    assert all(face.getlength(line) <= 120 for line in lines)
    assert "lighthouse" in " ".join(lines)


def test_the_same_wish_has_the_same_id_whatever_steers_it() -> None:
    def wish(**changes: object) -> Spec:
        return read_spec(clip(**changes))

    assert wish().upstream_id() == wish(accepted_at=1.0, sandbox={"delay": 9, "fail": "x", "progress_steps": 2}).upstream_id()
    assert wish().upstream_id() != wish(prompt="Another boat").upstream_id()
