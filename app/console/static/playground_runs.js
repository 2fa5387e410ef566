// Jobs that were started here: each has a card that follows it to its end.

import { call, Refusal, say } from "./console.js";
import { dollars, make, word } from "./playground_dom.js";
import { listOf } from "./playground_explanation.js";

const PATIENCE = 20; // seconds that a question waits for news
const PAUSE = 3000; // milliseconds between two questions
const MOST_WAITING = 3; // browsers open few connections to one host, and the form needs some
const running = new Set();

export class Run {
  constructor(fields, image, asKey) {
    this.image = image;
    this.asKey = asKey;
    this.prompt = fields.prompt ?? "";
    this.card = document.getElementById("run").content.cloneNode(true).firstElementChild;
    this.part("h3").textContent = fields.model;
    this.part("[data-prompt]").textContent = this.prompt;
    this.part("progress").removeAttribute("value");
    this.started = Date.now();
    this.clock = setInterval(() => this.tick(), 1000);
    this.status("sending");
    this.part("[data-cancel]").addEventListener("click", () => this.cancel());
    document.getElementById("no-runs").hidden = true;
    document.getElementById("runs").prepend(this.card);
    running.add(this);
  }

  part(selector) {
    return this.card.querySelector(selector);
  }

  path(job) {
    return `${this.image ? "/v1/images" : "/v1/videos"}/${encodeURIComponent(job.id)}`;
  }

  // Shows the job until it has ended.
  async follow(job) {
    this.show(job);
    while (!this.over) {
      const before = Date.now();
      const wait = running.size <= MOST_WAITING ? PATIENCE : 0;
      try {
        this.show(await call(`${this.path(job)}?wait=${wait}`, { asKey: this.asKey }));
      } catch (problem) {
        if (!(problem instanceof Refusal)) throw problem;
        if (problem.status >= 400 && problem.status < 500) return this.end("failed", problem.status === 404 ? word("gone") : problem.message);
      }
      if (!this.over && Date.now() - before < PAUSE) await new Promise((resolve) => setTimeout(resolve, wait ? PAUSE / 6 : PAUSE));
    }
    return undefined;
  }

  // The create was refused: a card without a job is nothing; one with a job says why it failed.
  refuse(problem) {
    const id = problem.body?.id;
    if (!id) {
      this.stop();
      this.card.remove();
      document.getElementById("no-runs").hidden = document.getElementById("runs").childElementCount > 0;
      return;
    }
    this.link(id);
    this.end("failed", problem.message);
  }

  show(job) {
    this.job = job;
    this.link(job.id);
    const bar = this.part("progress");
    if (job.progress > 0) bar.value = job.progress;
    this.part("[data-cancel]").hidden = this.image || ["completed", "failed"].includes(job.status);
    this.warn(job.warnings ?? []);
    if (job.status === "failed") return this.end(job.error?.code === "cancelled" ? "cancelled" : "failed", job.error?.message);
    if (job.status !== "completed") return this.status(job.status);
    this.result(job);
    if (job.cost_usd != null) this.part("[data-cost]").textContent = word("cost", { usd: dollars(job.cost_usd) });
    return this.end("completed");
  }

  link(id) {
    const link = this.part("[data-job]");
    link.href = `/console/jobs/${encodeURIComponent(id)}`;
    link.hidden = false;
  }

  status(name) {
    const badge = this.part("[data-status]");
    const kind = { completed: "ok", failed: "bad", cancelled: "bad", in_progress: "busy", sending: "busy" }[name] ?? "idle";
    badge.className = `badge ${kind}`;
    if (badge.textContent !== word(name)) badge.textContent = word(name); // said once, not with every answer
  }

  warn(warnings) {
    const list = this.part(".warnings");
    list.replaceChildren(...listOf(warnings));
    list.hidden = !warnings.length;
  }

  end(name, message = "") {
    this.status(name);
    this.stop();
    this.part("progress").hidden = true;
    this.part("[data-cancel]").hidden = true;
    const error = this.part("[data-error]");
    error.textContent = message;
    error.hidden = !message;
  }

  stop() {
    this.over = true;
    clearInterval(this.clock);
    running.delete(this);
    this.tick();
  }

  tick() {
    this.part("[data-elapsed]").textContent = word("seconds", { value: Math.round((Date.now() - this.started) / 1000) });
  }

  async cancel() {
    const button = this.part("[data-cancel]");
    button.disabled = true;
    try {
      this.show(await call(`${this.path(this.job)}/cancel`, { method: "POST", asKey: this.asKey }));
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      say(problem.message, "bad");
    } finally {
      button.disabled = false;
    }
  }

  result(job) {
    const place = this.part("[data-result]");
    if (!this.image) return place.replaceChildren(...films(job).flatMap((film) => drawFilm(film, job)));
    const pictures = job.data.map((picture, index) => drawPicture(picture, index, job, this.prompt));
    return place.replaceChildren(make("div", { class: `pictures ${pictures.length === 1 ? "one" : ""}` }, ...pictures));
  }
}

// Links come with the gateway's public address; here it is at this page's own.
function local(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

function films(job) {
  return job.videos?.length ? job.videos : [{ index: 0, url: job.url }];
}

function drawFilm(film, job) {
  const url = local(film.url);
  const poster = film.index === 0 && job.thumbnail_url ? local(job.thumbnail_url) : null;
  const video = make("video", { class: "result", src: url, poster, controls: true, playsinline: true, preload: "metadata", "aria-label": word("picture", { number: film.index + 1 }) });
  return [video, download(url, `${job.id}-${film.index}.mp4`, job.videos?.length > 1 ? film.index + 1 : 0)];
}

function drawPicture(picture, index, job, prompt) {
  const kind = job.output_format ?? "png";
  const url = picture.url ? local(picture.url) : URL.createObjectURL(blobOf(picture.b64_json, `image/${kind}`));
  const image = make("img", { src: url, alt: prompt || word("picture", { number: index + 1 }) });
  const name = `${job.id}-${index}.${kind === "jpeg" ? "jpg" : kind}`;
  return make("figure", {}, make("a", { href: url, target: "_blank", rel: "noopener" }, image), make("figcaption", {}, download(url, name, job.data.length > 1 ? index + 1 : 0)));
}

function download(url, name, number) {
  return make("a", { class: "button quiet", href: url, download: name }, number ? word("download-one", { number }) : word("download"));
}

function blobOf(base64, type) {
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type });
}
