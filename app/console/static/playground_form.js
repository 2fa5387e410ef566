// The form, made from what the chosen model can do; it changes with the model, and with every choice that changes the others.

import { Refusal } from "./console.js";
import { effective, honours, inputsOf, modesOf, pixelsOf } from "./playground_capabilities.js";
import { make, word } from "./playground_dom.js";
import { Slot } from "./playground_slots.js";

const FLAGS = ["generate_audio", "watermark", "camera_fixed"];
const NUMBERS = ["n", "seed", "output_compression"];
const WORDS = { background: ["auto", "transparent", "opaque"], moderation: ["auto", "low"], input_fidelity: ["low", "high"], style: ["vivid", "natural"] };
const CONVERTED = ["png", "jpeg", "webp"]; // which the gateway makes itself where the vendor does not
const HINTS = { aspect_ratio: "16:9", size: "1024x1024", resolution: "720p", seconds: "5", fps: "24", quality: "high" };
const NEEDED = { i2v: ["first_frame"], flf2v: ["first_frame", "last_frame"], r2v: ["reference_image", "reference_video", "reference_audio"], edit: ["source_video"], extend: ["source_video"], remix: ["source_video"], i2i: ["image"] };
const ROUNDS = 3; // a choice may narrow another one, and that a third

export class ModelForm {
  constructor(form, changed) {
    this.form = form;
    this.slots = [...form.querySelectorAll("[data-slot]")].map((element) => new Slot(element, () => this.refresh() || changed()));
    this.document = null;
  }

  // Takes the document of another model; what was written stays where the new model has it too.
  adopt(document, op) {
    Object.assign(this, { document, op, path: op === "image" ? "/v1/images/generations" : "/v1/videos" });
    const modes = modesOf(document, op);
    const before = this.mode;
    for (const input of this.form.querySelectorAll("input[name=mode]")) {
      const able = modes.includes(input.value);
      input.closest("label").hidden = !able;
      input.disabled = !able;
      input.checked = able && input.value === (modes.includes(before) ? before : modes[0]);
    }
    this.form.querySelector("[data-field=mode]").hidden = modes.length < 2;
    this.refresh();
  }

  get mode() {
    return this.form.querySelector("input[name=mode]:checked:enabled")?.value ?? null;
  }

  // Shows the fields that the model has now.
  refresh() {
    if (!this.document) return;
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = JSON.stringify(this.facts());
      this.fit(effective(this.document, this.facts()), effective(this.document, { ...this.facts(), resolution: this.tier() }));
      if (JSON.stringify(this.facts()) === before) break;
    }
  }

  fit(able, timed) {
    const { op, mode } = this;
    const video = op === "video";
    const inputs = inputsOf(able, mode);
    for (const slot of this.slots) slot.fit(inputs[slot.role]);
    const sized = Array.isArray(able.sizes) ? able.sizes : null; // a picture model with sizes of its own
    const seconds = timed.durations && timed.duration_auto ? [...timed.durations, "auto"] : timed.durations;
    this.choice("seconds", video ? seconds : [], timed.default_duration, "seconds");
    this.choice("fps", video ? timed.fps : [], null);
    this.choice("resolution", sized ? [] : able.resolutions, able.default_resolution);
    this.choice("aspect_ratio", sized ? [] : able.ratios, able.default_ratio);
    this.choice("size", video ? [] : sized ?? (able.min_pixels || able.max_pixels || able.resolutions === null ? null : []), null);
    this.choice("quality", able.qualities, null);
    this.choice("output_format", video ? [] : able.output_formats && [...new Set([...able.output_formats, ...CONVERTED])], null);
    for (const [name, words] of Object.entries(WORDS)) this.choice(name, !video && honours(able, op, name) ? words : [], null);
    for (const name of FLAGS) this.flag(name, honours(able, op, name), able.scalars?.includes(`${name}_always`));
    for (const name of NUMBERS) this.show(name, name === "n" || honours(able, op, name));
    this.show("negative_prompt", honours(able, op, "negative_prompt"));
    this.hint("aspect_ratio", video ? pixelsOf(able, this.value("resolution"), this.value("aspect_ratio")) : null);
    this.count(able);
  }

  facts() {
    const roles = this.slots.filter((slot) => slot.open && slot.items.length).map((slot) => slot.role);
    const audio = this.value("generate_audio");
    return {
      mode: this.mode,
      media: roles,
      resolution: this.value("resolution"),
      duration: this.value("seconds"),
      quality: this.value("quality"),
      generate_audio: audio === "true" ? "True" : audio === "false" ? "False" : null,
    };
  }

  tier() {
    return this.value("resolution") || effective(this.document, this.facts()).default_resolution;
  }

  value(name) {
    return this.form.elements.namedItem(name)?.value ?? "";
  }

  place(name) {
    return this.form.querySelector(`[data-field=${name}]`);
  }

  show(name, on) {
    const place = this.place(name);
    place.hidden = !on;
    for (const input of place.querySelectorAll("input, select, textarea")) input.disabled = !on;
  }

  // A list to choose from; a free input where the model's values are not known (null); nothing where it has none.
  choice(name, values, usual, unit = "") {
    this.show(name, values === null || values === undefined || values.length > 0);
    const place = this.place(name);
    const [select, free] = [place.querySelector("select"), place.querySelector("input")];
    const listed = Array.isArray(values);
    select.hidden = !listed;
    free.hidden = listed;
    select.disabled ||= !listed;
    free.disabled ||= listed;
    const [used, idle] = listed ? [select, free] : [free, select];
    used.name = name;
    idle.removeAttribute("name");
    place.querySelector("label").htmlFor = used.id;
    free.placeholder = HINTS[name] ?? "";
    if (listed) fill(select, values, usual, unit);
  }

  flag(name, on, always) {
    this.show(name, on);
    const no = this.place(name).querySelector("option[value=false]");
    no.hidden = no.disabled = Boolean(always);
    if (always && this.value(name) === "false") this.form.elements.namedItem(name).value = "";
  }

  hint(name, text) {
    document.getElementById(`h-${name}`).textContent = text ?? "";
  }

  count(able) {
    const prompt = this.form.elements.namedItem("prompt");
    const length = [...prompt.value].length;
    prompt.required = Boolean(able.prompt_required);
    const counted = length > able.prompt_limit * 0.8 ? word("characters", { count: length, limit: able.prompt_limit }) : "";
    this.hint("prompt", counted || (able.prompt_required ? "" : word("optional")));
  }

  // The fields of the request, without what says nothing; raises Refusal for broken JSON.
  fields(model) {
    const fields = { model };
    const media = this.slots.filter((slot) => slot.open && slot.value() !== undefined);
    if (this.op === "video" && this.mode && (this.mode !== "t2v" || media.length)) fields.mode = this.mode;
    for (const name of ["prompt", "negative_prompt", "seconds", "resolution", "aspect_ratio", "size", "quality", "output_format", ...Object.keys(WORDS)]) {
      const text = this.value(name);
      if (text.trim() && !this.disabled(name)) fields[name] = text;
    }
    for (const name of [...NUMBERS, "fps"]) {
      const text = this.value(name);
      if (text.trim() && !this.disabled(name) && !(name === "n" && Number(text) === 1)) fields[name] = Number(text);
    }
    for (const name of FLAGS) if (this.value(name) && !this.disabled(name)) fields[name] = this.value(name) === "true";
    for (const slot of media) fields[slot.name] = slot.value();
    return { ...fields, ...this.metadata() };
  }

  // What the mode needs and the form lacks: { param, what }, or null.
  lack() {
    const empty = this.slots.filter((slot) => slot.open && NEEDED[this.mode]?.includes(slot.role) && !slot.items.length);
    const enough = this.mode === "r2v" && this.slots.some((slot) => slot.open && NEEDED.r2v.includes(slot.role) && slot.items.length);
    if (empty.length && !enough) {
      const names = this.mode === "r2v" ? empty : empty.slice(0, 1);
      return { param: empty[0].name, what: names.map((slot) => slot.title).reduce((one, other) => word("either-of", { one, other })) };
    }
    const prompt = this.form.elements.namedItem("prompt");
    return prompt.required && !prompt.value.trim() ? { param: "prompt", what: word("prompt") } : null;
  }

  disabled(name) {
    return this.form.elements.namedItem(name)?.disabled ?? true;
  }

  metadata() {
    const text = this.value("metadata").trim();
    if (!text) return {};
    try {
      return { metadata: JSON.parse(text) };
    } catch (problem) {
      throw new Refusal(problem.message, { param: "metadata" });
    }
  }

  // Fills the form from the canonical request of an earlier job; false where something of it is not kept.
  again(request) {
    const mode = this.form.querySelector(`input[name=mode][value="${CSS.escape(request.mode)}"]`);
    if (mode && !mode.disabled) mode.checked = true;
    const duration = request.duration_auto ? "auto" : request.duration;
    const size = request.width && request.height ? `${request.width}x${request.height}` : null;
    const kept = Object.keys(request.vendor ?? {}).length ? JSON.stringify(request.vendor, null, 2) : null;
    const values = { ...request, seconds: duration, size, metadata: kept };
    this.refresh();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, value] of Object.entries(values)) this.put(name, value);
      this.refresh(); // the choice of one shows others
    }
    const whole = this.slots.map((slot) => this.putMedia(slot, request.media)).every(Boolean);
    this.refresh();
    const folded = this.form.querySelector("#more");
    folded.open = [...folded.querySelectorAll("[name]")].some((input) => !input.disabled && input.value);
    return whole && Boolean(request.prompt || request.media.length);
  }

  put(name, value) {
    const input = this.form.elements.namedItem(name);
    if (value === null || value === undefined || name === "model" || name === "mode" || !(input instanceof HTMLElement)) return;
    const text = String(value);
    if (input instanceof HTMLSelectElement && ![...input.options].some((option) => option.value === text)) return;
    input.value = text;
  }

  putMedia(slot, media) {
    const sources = media.filter((item) => item.role === slot.role).map((item) => item.src);
    const kept = sources.filter((src) => !/^(data|upload|withheld):/.test(src));
    slot.put(kept.map((src) => src.replace(/^task:/, "")));
    return kept.length === sources.length;
  }
}

function fill(select, values, usual, unit) {
  const text = (value) => (value === "auto" ? word(unit ? "auto" : "follows") : unit ? word(unit, { value }) : String(value));
  const shown = [["", usual === null || usual === undefined ? word("usual") : word("usual-value", { value: text(usual) })], ...values.map((value) => [String(value), text(value)])];
  const now = JSON.stringify(shown);
  if (select.dataset.shown === now) return; // the same list: the reader may have it open
  const before = select.value;
  select.dataset.shown = now;
  select.replaceChildren(...shown.map(([value, label]) => make("option", { value }, label)));
  select.value = shown.some(([value]) => value === before) ? before : "";
}
