"""What `filmgate serve` prints: where it listens, the keys that were made just now, and the first clip to try."""

from app.cli.preparing import Prepared

_CURL = """\
curl -sS {base}/v1/videos -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
  -d '{{"model": "sandbox-video", "prompt": "hello", "seconds": "4", "size": "1280x720"}}' | tee job.json; echo
id=$(grep -oE '"id": ?"[^"]+"' job.json | head -n 1 | cut -d '"' -f 4)
for try in $(seq 60); do
  curl -sf {base}/v1/videos/$id/content -H "Authorization: Bearer {key}" -o hello.mp4 && break; sleep 1
done
"""
_PYTHON = """\
from openai import OpenAI

client = OpenAI(base_url="{base}/v1", api_key="{key}")
video = client.videos.create_and_poll(model="sandbox-video", prompt="hello", seconds="4", size="1280x720")
client.videos.download_content(video.id).write_to_file("hello.mp4")
"""


def welcome(base: str, made: Prepared) -> str:
    """The whole text; keys are shown this once."""
    lines = [f"Filmgate serves {base}/v1   (console: {base}/   API reference: {base}/docs)"]
    if made.admin_key:
        lines.append(f"Admin key, shown this once:   {made.admin_key}")
    if made.client_key:
        lines.append(f"Client key, shown this once:  {made.client_key}")
    if made.client_key:
        lines += ["", "A first clip, without any vendor (curl):", "", _CURL.format(base=base, key=made.client_key)]
        lines += ["The same with the OpenAI SDK (Python):", "", _PYTHON.format(base=base, key=made.client_key)]
    return "\n".join([*lines, "Press Ctrl-C to stop."])
