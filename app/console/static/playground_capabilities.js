// What a model can do in the situation of the form: its document with every rule applied that holds.

const MODES = { video: ["t2v", "i2v", "flf2v", "r2v", "edit", "extend", "remix"], image: ["t2i", "i2i"] };
const REFERENCES = ["reference_image", "reference_video", "reference_audio"];
const ROLES = {
  t2v: ["reference_audio"],
  i2v: ["first_frame", "reference_audio"],
  flf2v: ["first_frame", "last_frame", "reference_audio"],
  r2v: REFERENCES,
  edit: ["source_video", ...REFERENCES],
  extend: ["source_video", "last_frame", ...REFERENCES],
  remix: ["source_video"],
  t2i: [],
  i2i: ["image", "mask"],
};
const OF_UNKNOWN = { max: 16 }; // where nobody knows what the model takes
const SINGLE = new Set(["first_frame", "last_frame", "mask"]);
const SCALARS = {
  video: ["seed", "negative_prompt", "watermark", "generate_audio", "camera_fixed"],
  image: ["seed", "negative_prompt", "watermark"],
};

// The modes that a model has, in the order of the form; all of its kind where they are not known.
export function modesOf(document, op) {
  return MODES[op].filter((mode) => document.modes === null || document.modes.includes(mode));
}

// The document with the rules applied that hold for these facts: { mode, resolution, duration, quality, generate_audio, media }.
export function effective(document, facts) {
  const able = { ...document, prompt_required: document.prompt.required, prompt_limit: document.prompt.limit };
  for (const { when, then } of document.rules) {
    if (!Object.entries(when).every(([name, values]) => holds(facts[name], values))) continue;
    const inputs = then.inputs && able.inputs ? { ...able.inputs, ...then.inputs } : then.inputs ?? able.inputs;
    Object.assign(able, then, { inputs });
  }
  return able;
}

// The inputs to offer: role -> rule.
export function inputsOf(able, mode) {
  const found = {};
  for (const role of ROLES[mode] ?? []) {
    const rule = able.inputs === null ? { ...OF_UNKNOWN, max: SINGLE.has(role) ? 1 : OF_UNKNOWN.max } : able.inputs[role];
    if (rule && rule.max > 0) found[role] = rule;
  }
  return found;
}

// Whether the model honours an optional field.
export function honours(able, op, name) {
  return (able.scalars ?? SCALARS[op]).includes(name);
}

// The pixels that a video model makes of a tier and a ratio, if its document says.
export function pixelsOf(able, resolution, ratio) {
  const table = able.sizes && !Array.isArray(able.sizes) ? able.sizes : {};
  return table[resolution || able.default_resolution]?.[ratio || able.default_ratio] ?? null;
}

function holds(fact, values) {
  const facts = Array.isArray(fact) ? fact : [fact];
  return facts.some((one) => one !== null && one !== undefined && one !== "" && values.includes(String(one)));
}
