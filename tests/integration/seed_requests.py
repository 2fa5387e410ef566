"""The requests of the four documents, as data: bodies, model names, fields, and what of them must reach a relay."""

from typing import Any

Body = dict[str, Any]


def image_item(url: str, role: str) -> Body:
    """A picture in the vendor's list."""
    return {"type": "image_url", "image_url": {"url": url}, "role": role}


def video_item(url: str, role: str = "reference_video") -> Body:
    """A film in the vendor's list."""
    return {"type": "video_url", "video_url": {"url": url}, "role": role}


# document 0: pictures and films of two models behind one relay

CUP, FRUIT = "https://example.com/reference-cup.png", "https://example.com/reference-fruit.png"
TEA_PICTURE: Body = {
    "model": "Seedream-5.0-overseas-1",
    "prompt": "一杯苹果水果茶产品图,干净白底,商业摄影风格",
    "size": "1024x1024",
    "n": 1,
}
TEA_POSTER: Body = {
    "model": "Seedream-5.0-overseas-1",
    "prompt": "融合参考图中的杯型和水果元素,生成一张新品海报",
    "image": [CUP, FRUIT],
    "size": "1024x1024",
    "n": 1,
}
TEA_FILM: Body = {
    "model": "Seedance-2.0-overseas-1",
    "prompt": "苹果水果茶广告,镜头缓慢推进,清爽明亮的商业视频",
    "resolution": "720p",
    "ratio": "16:9",
    "duration": 5,
}
FROM_PICTURE: Body = {
    "model": "Seedance-2.0-overseas-1",
    "content": [
        {"type": "text", "text": "保持参考素材中的主体,生成一段顺滑的产品展示视频"},
        {"type": "image_url", "image_url": {"url": "https://example.com/reference.png"}, "role": "reference_image"},
    ],
    "resolution": "720p",
    "ratio": "16:9",
    "duration": 5,
}
FROM_FILM: Body = {
    "model": "Seedance-2.0-overseas-1",
    "content": [
        {"type": "text", "text": "参考输入视频的运镜,生成一段新的产品展示视频"},
        {"type": "video_url", "video_url": {"url": "https://example.com/reference.mp4"}},
    ],
    "resolution": "720p",
    "ratio": "16:9",
    "duration": 5,
}

# document 1: Seedance by size and seconds

WATCH, MOTION = "https://assets.example.com/product-watch.jpg", "https://assets.example.com/reference-motion.mp4"
WATCH_FILM: Body = {
    "model": "doubao-seedance-2-0-fast",
    "prompt": "一款智能手表在白色展示台上缓慢旋转,柔和棚拍光线,镜头平稳推进",
    "seconds": "5",
    "size": "480x854",
}
WATCH_FROM_PICTURE: Body = {
    "model": "doubao-seedance-2-0",
    "prompt": "基于产品首帧生成一段展示视频,镜头缓慢推进,突出产品材质和屏幕细节",
    "images": [WATCH],
    "seconds": "5",
    "size": "720x1280",
}
WATCH_ADVANCED: Body = {
    "model": "doubao-seedance-2-0",
    "prompt": "让产品在展示台上缓慢旋转,背景保持简洁,画面稳定且突出品牌质感",
    "images": [WATCH],
    "seconds": "6",
    "size": "1080x1920",
    "metadata": {
        "content": [
            {"type": "image_url", "image_url": {"url": WATCH}, "role": "first_frame"},
            {"type": "video_url", "video_url": {"url": MOTION}},
        ]
    },
}

# document 2: the older page of new-api

ASTRONAUT = "一个穿着宇航服的宇航员在月球上行走"
MOON, EARTH = "https://example.com/bs2/moon_raw_image_0.jpg", "https://example.com/bs2/earth.png"
KLING: Body = {
    "model": "kling-v1",
    "prompt": f"{ASTRONAUT}, 高品质, 电影级",
    "size": "1920x1080",
    "image": MOON,
    "duration": 5,
    "metadata": {"seed": 20231234, "negative_prompt": "模糊", "image_tail": EARTH},
}
JIMENG: Body = {
    "model": "jimeng_vgfm_t2v_l20",
    "prompt": ASTRONAUT,
    "image": MOON,
    "metadata": {"req_key": "jimeng_vgfm_i2v_l20", "image_urls": [MOON], "aspect_ratio": "16:9"},
}
VIDU: Body = {
    "model": "viduq1",
    "prompt": f"{ASTRONAUT}, 高品质, 电影级",
    "size": "1920x1080",
    "image": "https://example.com/template/image2video.png",
    "duration": 5,
    "metadata": {
        "duration": 5,
        "seed": 0,
        "resolution": "1080p",
        "movement_amplitude": "auto",
        "bgm": False,
        "payload": "",
        "callback_url": "https://example.com/webhook",
    },
}

# document 3: `/v1/videos` of new-api, its models and its fields

GROK: Body = {
    "model": "grok-imagine-1.0-video",
    "prompt": "雨夜霓虹街道上的电影感推镜,光影丰富,运动自然",
    "reference_images": ["https://example.com/ref-1.jpg"],
    "seconds": 10,
    "aspect_ratio": "16:9",
    "resolution": "720P",
}
KLING_SEA: Body = {
    "model": "kling-video",
    "model_name": "kling-v2-6",
    "mode": "t2v",
    "prompt": "海边日落镜头,电影感,风吹长发",
    "duration": 5,
    "aspect_ratio": "16:9",
}
A, B, CLIP, SOUND = (f"https://example.com/{name}" for name in ("a.jpg", "b.jpg", "clip.mp4", "sound.mp3"))
PROMPT: Body = {"prompt": "海边日落镜头"}
SEEDANCE_NAMES = (
    "doubao-seedance-1-0-lite-t2v-250428",
    "doubao-seedance-1-0-lite-i2v-250428",
    "doubao-seedance-1-0-pro-250528",
    "doubao-seedance-1-0-pro-fast-251015",
    "doubao-seedance-1-5-pro-251215",
    "doubao-seedance-2-0-260128",
    "doubao-seedance-2-0-fast-260128",
)
OTHER_NAMES = (
    *("sora-2", "sora-2-pro", "gemini-omni", "happyhorse-1.0", "happyhorse-1.0-i2v", "happyhorse-1.0-t2v", "happyhorse-1.0-r2v"),
    *("happyhorse-1.0-video-edit", "veo3", "veo3-fast", "veo3-fast-frames", "veo3-frames", "veo3-pro", "veo3-pro-frames"),
    *("veo3.1", "veo3.1-4k", "veo3.1-components", "veo3.1-fast", "veo3.1-pro", "veo3.1-pro-4k", "kling-video"),
    *("grok-imagine-1.0-video", "grok-imagine-video-1.5-preview", "grok-video-3", "viduq3-turbo", "hailuo-video"),
)
KLING_NAMES = (
    *("kling-v1", "kling-v1-5", "kling-v1-6", "kling-v2-master", "kling-v2-1", "kling-v2-1-master", "kling-v2-5-turbo"),
    *("kling-v2-6", "kling-v3"),
)


def kling(name: str = "kling-v2-6", **fields: Any) -> Body:
    """A body for the one public Kling model."""
    return {"model": "kling-video", "model_name": name, **fields}


REQUESTS: dict[str, tuple[Body, Body]] = {
    "grok": (
        GROK,
        {
            "reference_images": GROK["reference_images"],
            "seconds": "10",
            "duration": 10,
            "aspect_ratio": "16:9",
            "resolution": "720p",
        },
    ),
    "kling": (KLING_SEA, {"model_name": "kling-v2-6", "duration": 5, "aspect_ratio": "16:9"}),
    "kling t2v": (kling(**PROMPT, mode="t2v"), {"model_name": "kling-v2-6"}),
    "kling i2v": (kling(**PROMPT, mode="i2v", image=A), {"image": A, "function_mode": "i2v"}),
    "kling multi_i2v": (
        kling(**PROMPT, mode="multi_i2v", image_list=[{"image": A}, {"image": B}]),
        {"images": [A, B], "reference_images": [A, B], "function_mode": "r2v"},
    ),
    "kling extend with a prompt": (
        kling(**PROMPT, mode="extend", video_id="863012345678901234"),
        {"video_id": "863012345678901234", "function_mode": "extend"},
    ),
    "t2v": ({"model": "veo3.1", **PROMPT, "mode": "t2v"}, {"model": "veo3.1"}),
    "i2v": ({"model": "veo3.1-fast", **PROMPT, "mode": "i2v", "image_url": A}, {"image": A}),
    "i2v_first_last": (
        {"model": "veo3.1-pro", **PROMPT, "mode": "i2v_first_last", "image_url": A, "end_image_url": B},
        {"image": A, "images": [A, B], "function_mode": "i2v_first_last"},
    ),
    "reference_images": (
        {"model": "veo3.1-components", **PROMPT, "mode": "reference_images", "reference_images": [A, B]},
        {"reference_images": [A, B], "images": [A, B]},
    ),
    "reference_material, pictures": (
        {"model": "viduq3-turbo", **PROMPT, "mode": "reference_material", "image_urls": [A, B]},
        {"reference_images": [A, B]},
    ),
    "reference_material, film": (
        {"model": "viduq3-turbo", **PROMPT, "mode": "reference_material", "video_urls": [CLIP]},
        {"video_urls": [CLIP]},
    ),
    "reference_material, sound": (
        {"model": "viduq3-turbo", **PROMPT, "mode": "reference_material", "audio_urls": [SOUND]},
        {"audio_urls": [SOUND]},
    ),
    "omni t2v": ({"model": "gemini-omni", **PROMPT, "mode": "t2v", "seconds": 8}, {"seconds": "8", "duration": 8}),
    **{
        f"omni r2v, {name}": ({"model": "gemini-omni", **PROMPT, "mode": "r2v", name: value}, {"reference_images": [A]})
        for name, value in (
            ("image", A),
            ("image_url", A),
            ("images", [A]),
            ("image_urls", [A]),
            ("reference_images", [A]),
            ("input_reference", {"image_url": A}),
            ("content", [{"type": "image_url", "image_url": {"url": A}}]),
        )
    },
    **{
        f"omni edit, {name}": (
            {"model": "gemini-omni", **PROMPT, "mode": "edit", name: value, "image": A},
            {"video_url": CLIP, "reference_images": [A], "function_mode": "edit"},
        )
        for name, value in (
            ("video", CLIP),
            ("video_url", CLIP),
            ("videos", [CLIP]),
            ("content", [{"type": "video_url", "video_url": {"url": CLIP}}]),
        )
    },
}
FIELDS: dict[str, tuple[Body, Body, Body]] = {
    "seconds, text": ({"seconds": "8"}, {"seconds": "8", "duration": 8}, {}),
    "seconds, number": ({"seconds": 8}, {"seconds": "8", "duration": 8}, {}),
    "duration, text": ({"duration": "8"}, {"seconds": "8", "duration": 8}, {}),
    "duration, number": ({"duration": 8}, {"seconds": "8", "duration": 8}, {}),
    "size": ({"size": "1280x720"}, {"size": "1280x720", "resolution": "720p", "aspect_ratio": "16:9"}, {}),
    "aspect_ratio": ({"aspect_ratio": "9:16"}, {"aspect_ratio": "9:16"}, {"ratio": "9:16"}),
    "ratio": ({"ratio": "9:16"}, {"aspect_ratio": "9:16"}, {"ratio": "9:16"}),
    "quality, a tier": ({"quality": "1080p"}, {"resolution": "1080p"}, {}),
    "quality, a word": ({"quality": "high"}, {"quality": "high"}, {}),
    "resolution": ({"resolution": "720P"}, {"resolution": "720p"}, {}),
    "fps": ({"fps": 30}, {"fps": 30}, {}),
    "image": ({"image": A}, {"image": A}, {}),
    "image_url": ({"image_url": A}, {"image": A}, {}),
    "image_urls": ({"image_urls": [A]}, {"image": A}, {}),
    "images": ({"images": [A, B]}, {"images": [A, B]}, {"image_tail": B}),
    "reference_images": ({"reference_images": [A]}, {"reference_images": [A], "images": [A]}, {}),
    "input_reference": ({"input_reference": A}, {"image": A}, {}),
    "end_image_url": ({"image": A, "end_image_url": B}, {"images": [A, B]}, {"image_tail": B}),
    "last_image_url": ({"image": A, "last_image_url": B}, {"images": [A, B]}, {"image_tail": B}),
    "video_urls": ({"video_urls": [CLIP]}, {"video_urls": [CLIP]}, {"content": [video_item(CLIP)]}),
    "audio_urls": ({"audio_urls": [SOUND], "reference_images": [A]}, {"audio_urls": [SOUND]}, {}),
    "function_mode": ({"function_mode": "first_last_frames", "images": [A, B]}, {"function_mode": "i2v_first_last"}, {}),
    "content": (
        {"content": [{"type": "image_url", "image_url": {"url": A}, "role": "last_frame"}], "image": B},
        {"images": [B, A]},
        {},
    ),
    "width and height": ({"width": 512, "height": 512}, {"size": "512x512", "aspect_ratio": "1:1"}, {}),
    "seed": ({"seed": 20231234}, {"seed": 20231234}, {"seed": 20231234}),
    "n": ({"n": 1}, {"model": "kling-video"}, {}),
    "response_format": ({"response_format": "url"}, {"model": "kling-video"}, {}),
    "user": ({"user": "user-1234"}, {"user": "user-1234"}, {}),
    "negative_prompt": ({"negative_prompt": "模糊"}, {"negative_prompt": "模糊"}, {"negative_prompt": "模糊"}),
    "cfg_scale": ({"cfg_scale": 0.4}, {}, {"cfg_scale": 0.4}),
    "sound": ({"sound": "on"}, {"generate_audio": True}, {}),
    "camera_control": ({"camera_control": {"type": "simple"}}, {}, {"camera_control": {"type": "simple"}}),
    "image_list": ({"image_list": [{"image": A}]}, {"image": A}, {}),
    "task_id": ({"task_id": "863012345678901234"}, {}, {"task_id": "863012345678901234"}),
    "watermark_info": ({"watermark_info": {"enabled": True}}, {"watermark": True}, {"watermark": True}),
    "metadata": ({"metadata": {"some_new_knob": [1, "two"]}}, {}, {"some_new_knob": [1, "two"]}),
}
