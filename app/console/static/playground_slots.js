// A place for inputs of one role: files that are chosen, dropped or pasted, and addresses; in the order in which they came.

import { Refusal, say } from "./console.js";
import { make, word } from "./playground_dom.js";

const MEGABYTE = 1024 * 1024;
const ONE_VALUE = new Set(["first_frame_image", "last_frame_image", "mask"]);

export class Slot {
  constructor(element, changed) {
    this.element = element;
    this.role = element.dataset.slot;
    this.name = element.dataset.name;
    this.kind = element.dataset.kind;
    this.title = element.querySelector("legend").firstChild.textContent.trim();
    this.changed = changed;
    this.items = [];
    this.rule = { max: 0 };
    this.list = element.querySelector(".given");
    this.file = element.querySelector("input[type=file]");
    this.address = element.querySelector("input[type=text]");
    this.file.addEventListener("change", () => {
      this.takeFiles(this.file.files);
      this.file.value = "";
    });
    element.querySelector("[data-add]").addEventListener("click", () => this.takeAddress());
    this.address.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // adds the address instead of sending the form
      this.takeAddress();
    });
    this.address.addEventListener("change", () => this.takeAddress());
    this.listenForFiles(element.querySelector(".drop"));
  }

  get open() {
    return !this.element.hidden;
  }

  // Shows the place with the limits of this rule, or hides it.
  fit(rule) {
    this.element.hidden = !rule;
    for (const input of [this.file, this.address]) input.disabled = !rule;
    this.rule = rule ?? { max: 0 };
    if (!rule) return;
    this.file.multiple = rule.max > 1;
    this.file.accept = rule.mimes?.length ? rule.mimes.join(",") : `${this.kind}/*`;
    this.element.querySelector("[data-limit]").textContent = rule.max > 1 ? `(${word("most", { count: rule.max })})` : "";
    this.draw();
  }

  // What the request says: nothing, one value, or a list; a file is a File.
  value() {
    const values = this.items.map((item) => item.file ?? this.addressed(item.url));
    if (!values.length) return undefined;
    if (ONE_VALUE.has(this.name)) return values[0];
    return values.length === 1 && ["image", "video"].includes(this.name) ? values[0] : values;
  }

  put(urls) {
    this.clear();
    this.items = urls.map((url) => ({ url }));
    this.draw();
  }

  clear() {
    for (const item of this.items) if (item.preview) URL.revokeObjectURL(item.preview);
    this.items = [];
  }

  addressed(text) {
    return this.role === "source_video" && !/^[a-z][a-z0-9+._-]*:/i.test(text) ? { id: text } : text;
  }

  takeAddress() {
    const text = this.address.value.trim();
    if (!text || !this.room(1)) return;
    this.address.value = "";
    this.add({ url: text });
  }

  takeFiles(files) {
    for (const file of files) {
      const problem = this.problem(file);
      if (problem) say(problem, "bad");
      else if (this.room(1)) this.add({ file, preview: this.kind === "image" ? URL.createObjectURL(file) : null });
    }
  }

  problem(file) {
    const name = file.name;
    if (file.type && !file.type.startsWith(`${this.kind}/`)) return word("wrong-kind", { name });
    const limit = this.rule.max_bytes;
    return limit && file.size > limit ? word("too-big", { name, limit: Math.floor(limit / MEGABYTE) || 1 }) : "";
  }

  // Whether there is room; a place for one thing takes the new one instead of the old.
  room(count) {
    if (this.rule.max === 1) this.clear();
    if (this.items.length + count <= this.rule.max) return true;
    say(word("too-many", { count: this.rule.max }), "bad");
    return false;
  }

  add(item) {
    this.items.push(item);
    this.draw();
    this.changed();
  }

  remove(item) {
    if (item.preview) URL.revokeObjectURL(item.preview);
    this.items = this.items.filter((one) => one !== item);
    this.draw();
    this.address.focus();
    this.changed();
  }

  draw() {
    this.list.replaceChildren(
      ...this.items.map((item) => {
        const name = item.file?.name ?? item.url;
        const shown = item.preview ? make("img", { src: item.preview, alt: "" }) : make("span", { class: "thumb", "aria-hidden": "true" }, this.kind[0].toUpperCase());
        const button = make("button", { type: "button", class: "button quiet", "aria-label": word("remove", { name }) }, "×");
        button.addEventListener("click", () => this.remove(item));
        return make("li", {}, shown, make("span", { class: "clip" }, name), button);
      }),
    );
    this.list.hidden = !this.items.length;
    this.list.classList.toggle("many", this.rule.max > 1);
    this.element.querySelector(".drop").hidden = this.rule.max === 1 && this.items.length === 1;
  }

  listenForFiles(drop) {
    const over = (on) => drop.classList.toggle("over", on);
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      over(true);
    });
    drop.addEventListener("dragleave", () => over(false));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      over(false);
      if (event.dataTransfer.files.length) return this.takeFiles(event.dataTransfer.files);
      this.address.value = event.dataTransfer.getData("text/uri-list").split(/[\r\n]/)[0];
      return this.takeAddress();
    });
    drop.addEventListener("paste", (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      this.takeFiles(event.clipboardData.files);
    });
  }
}

// The request's fields as JSON: files as data URIs, of which `most` bytes are read.
export async function asJson(fields, most) {
  return mapped(fields, (file) => dataUri(file.slice(0, most, file.type)));
}

// The fields as JSON in which files are only named.
export function asNamed(fields) {
  return mapped(fields, async (file) => ({ $file: file.name, type: file.type || "application/octet-stream" }));
}

// The body to send: a form where there are files, JSON where there are none.
export function asBody(fields) {
  const values = Object.values(fields).flat();
  if (!values.some((value) => value instanceof File)) return fields;
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (Array.isArray(value)) for (const item of value) form.append(`${name}[]`, part(item));
    else form.append(name, part(value));
  }
  return form;
}

const part = (value) => (value instanceof File || typeof value !== "object" ? value : JSON.stringify(value));

async function mapped(value, change) {
  if (value instanceof File) return change(value);
  if (Array.isArray(value)) return Promise.all(value.map((item) => mapped(item, change)));
  if (value === null || typeof value !== "object") return value;
  const pairs = await Promise.all(Object.entries(value).map(async ([name, item]) => [name, await mapped(item, change)]));
  return Object.fromEntries(pairs);
}

function dataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Refusal(reader.error.message)); // the file was moved or changed since it was chosen
    reader.readAsDataURL(blob);
  });
}
