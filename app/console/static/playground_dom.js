// Words that the template holds in the reader's language, and elements made from plain values.

const words = document.getElementById("words");

// The sentence under this name, its {places} filled; "" where there is none.
export function word(name, values = {}) {
  return (words.getAttribute(`data-${name}`) ?? "").replace(/\{(\w+)\}/g, (place, key) => values[key] ?? place);
}

// An element; attributes that are null or false are left out, children are elements or texts.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Dollars: two digits after the point, more where there is less than a cent in them.
export function dollars(text) {
  const value = Number(text);
  const digits = value === 0 || value >= 1 || Number(value.toFixed(2)) === value ? 2 : 6;
  return `$${value.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}
