"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);

function make(name, inside, attributes = {}) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  for (const one of [inside ?? []].flat()) element.append(one);
  return element;
}
function fill(select, pairs) {
  select.replaceChildren(...pairs.map(([value, text]) => make("option", text, { value })));
}
const percent = (value) => (value == null ? "" : (100 * value).toFixed(1));
const grouped = (value) => value.toLocaleString("en");
const plain = (name) => name.replaceAll("_", " ");

// Light and dark
const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
function paint(theme) {
  document.documentElement.dataset.theme = theme;
  by("theme").textContent = theme === "dark" ? "Light" : "Dark";
}
by("theme").addEventListener("click", () => paint(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
paint(preferred);

function track(mean, low, high, tone) {
  const outer = make("div", [], { class: `track tone${tone}` }), length = make("i");
  length.style.width = `${100 * mean}%`;
  outer.append(length);
  if (low != null) {
    const whisker = make("b");
    whisker.style.left = `${100 * low}%`;
    whisker.style.width = `${Math.max(0.2, 100 * (high - low))}%`;
    outer.append(whisker);
  }
  return outer;
}
function table(header, rows, numbers) {
  const cells = (row, tag) => make("tr", row.map((cell, at) => make(tag, String(cell ?? ""), numbers.includes(at) ? { class: "number" } : {})));
  return make("div", make("table", [make("thead", cells(header, "th")), make("tbody", rows.map((row) => cells(row, "td")))]), { class: "scroll" });
}
