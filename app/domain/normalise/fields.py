"""The alias table (normalisation.md §3) as data: which names a client may use for which canonical field, best first."""

from app.domain.geometry import LARGEST, SMALLEST, Size
from app.domain.media import MediaType, Role
from app.domain.normalise import readings
from app.domain.normalise.media_rows import MediaRow
from app.domain.normalise.reader import Row
from app.domain.normalise.sources import web_address
from app.domain.normalise.values import boolean, integer, one_of, prose, trimmed, word
from app.domain.requests import Mode, Operation

LONGEST_PROMPT = 32_000  # characters
MOST_FRAMES = 3600 * 120

MODEL = Row("model", ("model",), trimmed(256))
MODEL_VARIANT = Row("model_variant", ("model_name",), trimmed(256))
JIMENG_MODEL = Row("model", ("req_key",), trimmed(256), top_wins=True)

PROMPT = Row("prompt", ("prompt",), prose(LONGEST_PROMPT), top_wins=True)
NEGATIVE_PROMPT = Row("negative_prompt", ("negative_prompt",), prose(LONGEST_PROMPT))

DURATION: Row[float | str] = Row(
    "duration",
    ("seconds", "duration", "n_seconds", "duration_seconds", "video_length"),
    readings.duration,
    conflict="duration_conflict",
)
FRAMES = Row("frames", ("frames", "num_frames"), integer(1, MOST_FRAMES))
FPS = Row("fps", ("fps", "framespersecond", "frame_rate"), integer(1, 120))

SIZE: dict[Operation, Row[Size]] = {op: Row("size", ("size",), readings.size(op)) for op in ("video", "image")}
RESOLUTION: dict[Operation, Row[Size]] = {
    op: Row("resolution", ("resolution", "quality"), readings.resolution(op), {"quality": readings.tier_in_quality(op)})
    for op in ("video", "image")
}
ASPECT_RATIO = Row("aspect_ratio", ("aspect_ratio", "ratio", "aspectRatio"), readings.ratio)
WIDTH = Row("width", ("width",), integer(SMALLEST, LARGEST))
HEIGHT = Row("height", ("height",), integer(SMALLEST, LARGEST))

MODE_NAMES = ("mode", "function_mode", "functionMode", "generation_type")
MODE: dict[Operation, Row[Mode]] = {op: Row("mode", MODE_NAMES, readings.mode(op)) for op in ("video", "image")}
QUALITY: Row[str] = Row("quality", ("quality", "mode"), readings.quality, {"mode": readings.quality_in_mode})

COUNT = Row("n", ("n", "n_variants", "num_videos", "number_of_videos", "sample_count"), integer(1, 10), top_wins=True)
SEED = Row("seed", ("seed",), readings.seed)
GENERATE_AUDIO: Row[bool] = Row(
    "generate_audio", ("generate_audio", "with_audio", "sound", "audio"), boolean, {"audio": readings.sound}
)
WATERMARK = Row("watermark", ("watermark", "watermark_info.enabled", "watermark_enabled", "add_watermark"), boolean)
CAMERA_FIXED = Row("camera_fixed", ("camera_fixed", "camerafixed"), boolean)
CALLBACK_URL = Row("callback_url", ("callback_url", "webhook_url", "notify_url", "callBackUrl"), web_address)
CLIENT_TASK_ID = Row("client_task_id", ("external_task_id", "client_task_id"), trimmed(128))
USER = Row("user", ("safety_identifier", "user"), trimmed(512))

RESPONSE_FORMAT = Row("response_format", ("response_format",), one_of("url", "b64_json"))
OUTPUT_FORMAT = Row("output_format", ("output_format",), word)
OUTPUT_COMPRESSION = Row("output_compression", ("output_compression",), integer(0, 100))
BACKGROUND = Row("background", ("background",), readings.background)
MODERATION = Row("moderation", ("moderation",), word)
INPUT_FIDELITY = Row("input_fidelity", ("input_fidelity",), word)
STYLE = Row("style", ("style",), trimmed(256))
STREAM = Row("stream", ("stream",), boolean)
PARTIAL_IMAGES = Row("partial_images", ("partial_images",), integer(0, 3))

UNDECIDED_IMAGES = MediaRow(
    MediaType.IMAGE,
    (
        *("image", "image_url", "input_reference", "images", "image_urls", "image_list"),
        *("input_image", "input_images", "binary_data_base64"),
    ),
)
FIRST_FRAMES = MediaRow(
    MediaType.IMAGE,
    ("first_frame_image", "first_frame", "first_frame_url", "first_image_url", "start_image", "start_image_url", "image_head"),
    Role.FIRST_FRAME,
)
LAST_FRAMES = MediaRow(
    MediaType.IMAGE,
    (
        *("last_frame_image", "last_frame", "last_frame_url", "last_image_url"),
        *("end_image_url", "end_image", "end_frame_image", "image_tail", "tail_image", "tail_image_url"),
    ),
    Role.LAST_FRAME,
)
REFERENCE_IMAGES = MediaRow(
    MediaType.IMAGE, ("reference_images", "reference_image", "reference_image_urls", "ref_images"), Role.REFERENCE_IMAGE
)
VIDEOS = MediaRow(MediaType.VIDEO, ("video", "video_url", "videos", "video_urls", "reference_videos", "video_id"))
SOURCE_TASK = MediaRow(MediaType.VIDEO, ("task_id",))  # read only where a mode asks for a source (seed 3, Kling extend)
AUDIOS = MediaRow(MediaType.AUDIO, ("audio", "audio_url", "audios", "audio_urls", "reference_audios"))
MASK = MediaRow(MediaType.IMAGE, ("mask",), Role.MASK)

_SHARED = (UNDECIDED_IMAGES, FIRST_FRAMES, LAST_FRAMES, REFERENCE_IMAGES)
MEDIA: dict[Operation, tuple[MediaRow, ...]] = {
    "video": (*_SHARED, VIDEOS, AUDIOS),
    "image": (*_SHARED, MASK, VIDEOS, AUDIOS),
}
