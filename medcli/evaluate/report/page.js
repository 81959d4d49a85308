const items = data.items, total = items.id.length, models = data.models.map((one) => one.name);

const signed = (value) => {
  if (value == null) return "";
  const size = Math.abs(100 * value).toFixed(1);
  return (Number(size) === 0 ? "" : value < 0 ? "\u2212" : "+") + size;
};
by("summary").textContent = models.map((name, at) => `${name}: ${grouped(data.models[at].answers)} answers`).join(" \u00b7 ")
  + ` to ${grouped(data.questions)} questions` + (data.left_out ? `; ${grouped(data.left_out)} are left out of the list below for its size` : "");

// Bars
function bar(label, note, lines) {
  const rows = lines.flatMap(({ line, tone }) => {
    const range = line.low == null ? "" : ` (${percent(line.low)} \u2013 ${percent(line.high)})`;
    return [track(line.mean, line.low, line.high, tone),
      make("div", `${percent(line.mean)}${range}, n ${grouped(line.n)}`, { class: "value" })];
  });
  return make("div", [make("div", [label, make("small", note)], { class: "name" }), make("div", rows, { class: "lines" })], { class: "bar" });
}
function drawBars() {
  const set = by("set").value, group = by("group").value, shown = [];
  const first = new Map();
  data.models.forEach((model, tone) => {
    for (const line of model.figures) {
      if (line.metrics !== set || line.group !== group) continue;
      const key = [line.part, line.column, line.name, line.value].join("\u0000");
      if (!first.has(key)) { first.set(key, { line, lines: [] }); shown.push(first.get(key)); }
      first.get(key).lines.push({ line, tone: tone % 4 });
    }
  });
  by("bars").replaceChildren(...shown.map(({ line, lines }) => {
    const where = group === "all" ? "" : `${line.value}: `;
    return bar(`${where}${line.name}`, `${line.part === "all" ? "open and closed" : line.part}${line.note ? "; " + line.note : ""}`, lines);
  }));
}
const sets = [...new Set(data.models.flatMap((model) => model.figures.map((line) => line.metrics)))];
fill(by("set"), sets.map((name) => [name, name]));
fill(by("group"), ["all", ...data.groups].map((name) => [name, name === "all" ? "all" : `by ${plain(name)}`]));
by("set").addEventListener("change", drawBars);
by("group").addEventListener("change", drawBars);
if (models.length > 1) by("legend").replaceChildren(...models.map((name, at) => make("span", name, { class: `tone${at % 4}` })));
drawBars();

// Tables
for (const pair of data.differences) {
  const rows = pair.figures.map((one) => [one.metrics, one.part, one.name, percent(one.first), percent(one.second), signed(one.mean),
    one.low == null ? "" : `${signed(one.low)} to ${signed(one.high)}`, one.p < 0.001 ? "< 0.001" : one.p.toFixed(3), one.test, grouped(one.n)]);
  by("differences").append(make("h3", `${pair.second} less ${pair.first}`),
    table(["metrics", "answers", "figure", pair.first, pair.second, "difference", "95 % interval", "p", "test", "n"], rows, [3, 4, 5, 6, 7, 9]));
}
if (data.published.length) {
  const rows = data.published.map((one) => [one.part, one.model, one.setting, one.published.toFixed(2), one.ours == null ? "" : one.ours.toFixed(2), one.comparable]);
  by("published").append(make("h3", `Published for ${data.published[0].benchmark}`),
    table(["answers", "model", "setting", "published", `${models[0]} (here)`, "comparable?"], rows, [3, 4]));
}

// Confusion
data.confusion.forEach((one, at) => {
  const body = one.rows.map((name, row) => {
    const sum = one.counts[row].reduce((a, b) => a + b, 0);
    const cells = one.counts[row].map((count) => {
      const share = sum ? count / sum : 0;
      const cell = make("td", [grouped(count), make("small", sum ? `${percent(share)} %` : "")], { class: "cell" });
      cell.style.setProperty("--share", `${Math.round(55 * share)}%`);
      return cell;
    });
    return make("tr", [make("th", `truth ${name}`, { scope: "row" }), ...cells]);
  });
  const head = make("tr", [make("th", ""), ...one.columns.map((name) => make("th", `says ${name}`, { scope: "col" }))]);
  by("confusion").append(make("div", [make("h3", models[at]), make("table", [make("thead", head), make("tbody", body)], { class: `confusion tone${at % 4}` })]));
});

// Length
data.lengths.forEach((bins, at) => {
  const rows = bins.filter((one) => one.n).map((one) => {
    const words = one.to == null ? `${one.from} and more` : one.from === one.to ? `${one.from}` : `${one.from}\u2013${one.to}`;
    const share = (value) => make("td", value == null ? "" : make("div", [track(value, null, null, at % 4), percent(value)], { class: "share" }));
    return make("tr", [make("td", words, { class: "number" }), make("td", grouped(one.n), { class: "number" }), share(one.hit), share(one.recall)]);
  });
  const head = make("tr", ["words", "replies", "strict accuracy", "recall"].map((name, place) => make("th", name, place < 2 ? { class: "number" } : {})));
  by("lengths").append(make("div", [make("h3", models[at]), make("table", [make("thead", head), make("tbody", rows)])]));
});

// Answers: filter, list (only what is in sight is drawn), detail
const HEIGHT = 52;
const texts = items.id.map((id, at) => {
  const replies = models.map((_, model) => items[`reply${model}`][at] ?? "");
  return `${id}\n${items.question[at]}\n${items.truth[at]}\n${replies.join("\n")}`.toLowerCase();
});
let visible = [], selected = -1;

fill(by("verdict"), data.verdicts.map((name) => [name, name]));
const show = [["all", "all answers"]];
models.forEach((name, at) => {
  const of = models.length > 1 ? `${name}: ` : "";
  show.push([`wrong ${at}`, `${of}wrong`], [`right ${at}`, `${of}right`]);
});
for (let a = 0; a < models.length; a++) for (let b = 0; b < models.length; b++)
  if (a !== b) show.push([`only ${a} ${b}`, `${models[a]} right, ${models[b]} wrong`]);
if (models.length > 1) show.push(["differ", "models differ"]);
fill(by("show"), show);
fill(by("kind"), [["", "all"], ...[...new Set(items.kind)].sort().map((name) => [name, name.toLowerCase()])]);
const groupSelects = data.groups.map((name) => {
  const select = make("select", [], { id: `by-${name}` });
  fill(select, [["", "all"], ...[...new Set(items[name])].filter(Boolean).sort().map((value) => [value, value])]);
  by("more").append(make("label", [plain(name)[0].toUpperCase() + plain(name).slice(1), select]));
  return [name, select];
});

const verdict = (model, at) => items[`${by("verdict").value}${model}`]?.[at] ?? null;
function wanted(choice) {
  const [what, a, b] = choice.split(" ");
  if (what === "wrong") return (at) => verdict(a, at) === 0;
  if (what === "right") return (at) => verdict(a, at) === 1;
  if (what === "only") return (at) => verdict(a, at) === 1 && verdict(b, at) === 0;
  if (what === "differ") return (at) => new Set(models.map((_, model) => verdict(model, at))).size > 1;
  return () => true;
}
function filter() {
  const words = by("search").value.toLowerCase().trim(), fits = wanted(by("show").value), kind = by("kind").value;
  const groups = groupSelects.map(([name, select]) => [items[name], select.value]).filter(([, value]) => value);
  visible = [];
  for (let at = 0; at < total; at++) {
    if (kind && items.kind[at] !== kind) continue;
    if (groups.some(([column, value]) => column[at] !== value)) continue;
    if (words && !texts[at].includes(words)) continue;
    if (fits(at)) visible.push(at);
  }
  by("count").textContent = `${grouped(visible.length)} of ${grouped(total)} answers`;
  by("space").style.height = `${visible.length * HEIGHT}px`;
  by("list").scrollTop = 0;
  selected = visible.length ? 0 : -1;
  drawRows();
  drawDetail();
}
function tick(value) {
  const [sign, name] = value === 1 ? ["\u2713", "right"] : value === 0 ? ["\u2717", "wrong"] : ["\u00b7", "none"];
  return make("span", sign, { class: `tick ${name}`, title: name });
}
function drawRows() {
  const list = by("list"), from = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 4);
  const to = Math.min(visible.length, from + Math.ceil(list.clientHeight / HEIGHT) + 8);
  const rows = [];
  for (let place = from; place < to; place++) {
    const at = visible[place];
    const top = make("div", [...models.map((_, model) => tick(verdict(model, at))), items.question[at]]);
    const reply = models.map((_, model) => items[`reply${model}`][at] ?? "\u2014").join(" | ");
    const row = make("div", [top, make("div", `${items.truth[at]} \u2190 ${reply}`.slice(0, 300), { class: "second" })],
      { class: "row", role: "option", id: `row-${place}`, "aria-selected": String(place === selected) });
    row.addEventListener("click", () => choose(place));
    rows.push(row);
  }
  by("rows").style.transform = `translateY(${from * HEIGHT}px)`;
  by("rows").replaceChildren(...rows);
  list.setAttribute("aria-activedescendant", selected < 0 ? "" : `row-${selected}`);
}
function choose(place) {
  selected = place;
  drawRows();
  drawDetail();
}
function marked(text) {
  const words = by("search").value.toLowerCase().trim();
  if (!words || !text) return [text];
  const parts = [], lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(words); at >= 0; at = lower.indexOf(words, from)) {
    parts.push(text.slice(from, at), make("mark", text.slice(at, at + words.length)));
    from = at + words.length;
  }
  return [...parts, text.slice(from)];
}
function drawDetail() {
  const detail = by("detail");
  if (selected < 0) return detail.replaceChildren(make("p", "No answer fits. Reset the filters to see all of them."));
  const at = visible[selected], image = items.image[at], inside = [];
  const source = data.pictures.embedded[image] ?? data.pictures.links[image];
  if (image) {
    const caption = data.pictures.links[image] ? make("a", image, { href: data.pictures.links[image] }) : image;
    const parts = source ? [make("img", [], { src: source, alt: `The picture of question ${items.id[at]}` })] : [];
    inside.push(make("figure", [...parts, make("figcaption", caption)]));
  }
  const list = make("dl");
  const add = (name, value) => list.append(make("dt", name), make("dd", value));
  add("Question", marked(items.question[at]));
  if (items.choices[at]) add("Options", items.choices[at].map((one, place) => `${String.fromCharCode(65 + place)}. ${one}`).join("\n"));
  add("Truth", marked(items.truth[at]));
  models.forEach((name, model) => {
    const reply = items[`reply${model}`][at];
    add(models.length > 1 ? name : "Reply", reply == null ? "\u2014 no answer" : !reply.trim() ? [tick(verdict(model, at)), make("span", "empty", { class: "hint" })] : [tick(verdict(model, at)), ...marked(reply)]);
    const scores = [];
    for (const [column, title] of [["recall", "recall"], ["strict_f1", "token F1"]])
      if (items[`${column}${model}`]?.[at] != null) scores.push(`${title} ${items[`${column}${model}`][at].toFixed(2)}`);
    if (items[`reason${model}`]?.[at]) scores.push(`judge: ${items[`reason${model}`][at]}`);
    if (scores.length) add("", make("span", scores.join(", "), { class: "hint" }));
  });
  const told = [items.kind[at].toLowerCase(), ...data.groups.map((name) => items[name][at] && `${plain(name)} ${items[name][at]}`)];
  add("Of", told.filter(Boolean).join(", "));
  add("Id", String(items.id[at]));
  detail.replaceChildren(...inside, list);
}
by("list").addEventListener("scroll", () => requestAnimationFrame(drawRows));
by("list").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
  if (!step || !visible.length) return;
  event.preventDefault();
  choose(Math.min(visible.length - 1, Math.max(0, selected + step)));
  const list = by("list"), top = selected * HEIGHT;
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
});
for (const element of [by("verdict"), by("show"), by("kind"), ...groupSelects.map(([, select]) => select)]) element.addEventListener("change", filter);
by("search").addEventListener("input", filter);
by("reset").addEventListener("click", () => {
  by("search").value = "";
  for (const select of [by("show"), by("kind"), ...groupSelects.map(([, one]) => one)]) select.selectedIndex = 0;
  filter();
});
filter();
document.documentElement.dataset.ready = "yes";
