const SVG = "http://www.w3.org/2000/svg", OTHER = "other";
const kinds = [...new Set(data.counts.map(([kind]) => kind))];
const chosen = () => by("kind").value;
const wanted = (rows) => rows.filter(([kind]) => !chosen() || kind === chosen());
const sum = (rows) => rows.reduce((total, row) => total + row.at(-1), 0);
const share = (part, whole) => (whole ? part / whole : 0);
const named = (name) => name || "none told";

function grouping(rows, place) {
  const counts = new Map();
  for (const row of rows) counts.set(row[place], (counts.get(row[place]) ?? 0) + row.at(-1));
  return [...counts].sort(([a, n], [b, m]) => (a === OTHER) - (b === OTHER) || m - n || (a < b ? -1 : 1));
}
function bar(name, count, whole, most, tone = 0) {
  return make("div", [make("span", name), track(share(count, most), null, null, tone), make("span", `${grouped(count)} (${percent(share(count, whole))} %)`)], { class: "bar" });
}

const refused = data.rejected.total;
by("summary").textContent = `${grouped(data.total)} samples accepted` + (refused ? `, ${grouped(refused)} rejected` : "");
by("facts").append(...data.facts.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
fill(by("kind"), [["", "all"], ...kinds.map((kind) => [kind, kind])]);

// Counts
function drawCounts() {
  const shown = chosen() ? [chosen()] : kinds, domains = grouping(wanted(data.counts), 1);
  const cell = (kind, domain) => sum(data.counts.filter((row) => row[0] === kind && row[1] === domain));
  const most = Math.max(1, ...data.counts.map((row) => row.at(-1)));
  const head = make("tr", [make("th", "domain"), ...shown.map((kind) => make("th", kind, { class: "number", scope: "col" })), make("th", "all", { class: "number" })]);
  const body = domains.map(([domain, count]) => make("tr", [make("th", named(domain), { scope: "row" }), ...shown.map((kind) => {
    const number = cell(kind, domain), made = make("td", number ? grouped(number) : "", { class: "cell" });
    made.style.setProperty("--share", `${Math.round(60 * number / most)}%`);
    return made;
  }), make("td", grouped(count), { class: "number sum" })]));
  const sums = make("tr", [make("th", "all"), ...shown.map((kind) => make("td", grouped(sum(data.counts.filter((row) => row[0] === kind))), { class: "number" })),
    make("td", grouped(sum(wanted(data.counts))), { class: "number" })], { class: "sum" });
  by("table").replaceChildren(make("div", make("table", [make("thead", head), make("tbody", [...body, sums])]), { class: "scroll" }));
}

// Length
function histogram(title, labels, counts) {
  const whole = counts.reduce((a, b) => a + b, 0), most = Math.max(1, ...counts);
  const bars = counts.map((count, at) => {
    const made = make("div", [], { title: `${labels[at]}: ${grouped(count)} (${percent(share(count, whole))} %)`, class: count ? "" : "none" });
    made.style.height = `${100 * count / most}%`;
    return made;
  });
  return make("div", [make("h3", `${title}, n ${grouped(whole)}`), make("div", bars, { class: "histogram", role: "img", "aria-label": title }),
    make("div", labels.map((label) => make("span", label)), { class: "ticks" })]);
}
function drawLengths() {
  const words = data.bins.map((low, at) => (at + 1 === data.bins.length ? `${low}+` : data.bins[at + 1] - low === 1 ? `${low}` : `${low}\u2013`));
  const count = (name, fits) => sum(wanted(data.lengths[name]).filter((row) => fits(row[1])));
  const turns = ["1\u20132", "3\u20134", "5\u20136", "7\u20138", "9\u201310", "11\u201314", "15+"], ends = [2, 4, 6, 8, 10, 14, Infinity];
  by("lengths").replaceChildren(
    histogram("Words of questions", words, data.bins.map((_, at) => count("question", (bin) => bin === at))),
    histogram("Words of answers", words, data.bins.map((_, at) => count("answer", (bin) => bin === at))),
    histogram("Turns of samples", turns, ends.map((end, at) => count("turns", (length) => length <= end && length > (ends[at - 1] ?? 0)))));
}

// Questions: a sunburst of two rings; one verb's nouns when it is chosen
let verb = "";
const tone = (at, ring) => `hsl(${(at * 47 + 198) % 360} ${ring ? 36 : 46}% ${document.documentElement.dataset.theme === "dark" ? 62 - 7 * ring : 38 + 9 * ring}%)`;
function arc(from, to, inner, outer) {
  const end = Math.min(to, from + 2 * Math.PI - 1e-4), large = end - from > Math.PI ? 1 : 0;
  const at = (angle, radius) => `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
  return `M${at(from, inner)}L${at(from, outer)}A${outer} ${outer} 0 ${large} 1 ${at(end, outer)}L${at(end, inner)}A${inner} ${inner} 0 ${large} 0 ${at(from, inner)}Z`;
}
function draw(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text != null) made.textContent = text;
  return made;
}
function segment(svg, { from, to, inner, outer, fill: color, label, count, whole, press }) {
  const path = draw("path", { d: arc(from, to, inner, outer), fill: color, tabindex: "0", role: "button", "aria-label": `${label}: ${count}` });
  path.append(draw("title", {}, `${label}: ${grouped(count)} (${percent(share(count, whole))} %)`));
  const tell = () => { by("crumbs").textContent = `${label}: ${grouped(count)} questions, ${percent(share(count, whole))} %`; };
  path.addEventListener("mouseenter", tell);
  path.addEventListener("focus", tell);
  path.addEventListener("click", press);
  path.addEventListener("keydown", (event) => { if (event.key === "Enter") press(); });
  svg.append(path);
  const radius = (inner + outer) / 2, middle = (from + to) / 2, word = label.split(" ").at(-1);
  if ((to - from) * radius < 15 || word.length * 7.3 > outer - inner) return;
  const turn = middle * 180 / Math.PI - 90, flip = middle > Math.PI ? 180 : 0;
  svg.append(draw("text", { transform: `rotate(${turn}) translate(${radius} 0) rotate(${flip})`, "text-anchor": "middle", "dominant-baseline": "central" }, word));
}
function drawAsked() {
  const rows = wanted(data.asked), whole = sum(rows), verbs = grouping(rows, 1);
  if (verb && !verbs.some(([name]) => name === verb)) verb = "";
  const svg = draw("svg", { viewBox: "-280 -280 560 560", role: "img", "aria-label": "Verbs and nouns of the questions" });
  const shown = verb ? verbs.filter(([name]) => name === verb) : verbs, total = sum(rows.filter((row) => !verb || row[1] === verb));
  let from = 0;
  for (const [name, count] of shown) {
    const to = from + 2 * Math.PI * share(count, total), color = verbs.findIndex(([one]) => one === name);
    segment(svg, { from, to, inner: 84, outer: 176, fill: tone(color, 0), label: name, count, whole, press: () => { verb = verb ? "" : name; drawAsked(); } });
    let inside = from;
    for (const [noun, number] of grouping(rows.filter((row) => row[1] === name), 2)) {
      const end = inside + (to - from) * share(number, count);
      segment(svg, { from: inside, to: end, inner: 178, outer: 274, fill: tone(color, 1), label: `${name} ${noun}`, count: number, whole, press: () => { verb = verb ? "" : name; drawAsked(); } });
      inside = end;
    }
    from = to;
  }
  const circle = draw("circle", { r: 80, id: "middle" });
  circle.addEventListener("click", () => { verb = ""; drawAsked(); });
  svg.append(circle, draw("text", { class: "middle", "text-anchor": "middle", "dominant-baseline": "central" }, verb || `${grouped(total)}`));
  by("sunburst").replaceChildren(svg);
  by("crumbs").textContent = `${grouped(total)} questions`;
  by("which").textContent = verb ? `Nouns with "${verb}"` : "Verbs";
  const list = verb ? grouping(rows.filter((row) => row[1] === verb), 2) : verbs;
  by("pairs").replaceChildren(...list.slice(0, 14).map(([name, count]) => bar(name, count, total, Math.max(...list.map((one) => one[1])))));
}

// Rejected and spent
function drawRules() {
  const rows = data.rejected.rules.filter((row) => !chosen() || row[1] === chosen()), list = grouping(rows, 0), most = Math.max(1, ...list.map((one) => one[1]));
  by("rules").replaceChildren(...(list.length ? list.map(([rule, count]) => bar(rule, count, sum(rows), most, 1)) : [make("p", "None.")]));
}
const figure = (value, digits = 0) => (value == null ? "" : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
const total = (key) => (data.spent.some((one) => one[key] != null) ? data.spent.reduce((all, one) => all + (one[key] ?? 0), 0) : null);
const line = (name, of) => [name, figure(of("samples")), figure(of("prompt_tokens")), figure(of("completion_tokens")), figure(of("cost"), 4), figure(of("seconds"), 1)];
by("spent").append(data.spent.length ? table(["model", "samples", "prompt tokens", "completion tokens", "cost in USD", "seconds"],
  [...data.spent.map((one) => line(named(one.model), (key) => one[key])), ...(data.spent.length > 1 ? [line("all", total)] : [])], [1, 2, 3, 4, 5]) : make("p", "No model was asked."));

// Samples
function card(one) {
  const picture = one.picture ? make("img", [], { src: one.picture, alt: `The picture of sample ${one.id}` }) : make("div", "no picture here", { class: "none" });
  const turns = one.turns.map(([role, text]) => make("p", text, { class: `turn ${role === "user" ? "user" : "assistant"}` }));
  if (one.choices.length) turns.splice(1, 0, make("ol", one.choices.map((text, at) => make("li", text, at === one.key ? { class: "right" } : {}))));
  if (one.more > 0) turns.push(make("p", `${one.more} more turns`, { class: "hint" }));
  const told = [one.kind, one.domain, one.image].filter(Boolean).join(", ");
  return make("article", [make("figure", [picture, make("figcaption", [make("strong", one.id), make("br"), told])]), make("div", turns)], { class: "card" });
}
function drawSamples() {
  const shown = data.samples.filter((one) => !chosen() || one.kind === chosen());
  by("count").textContent = `${shown.length} of ${grouped(sum(wanted(data.counts)))}, drawn at random`;
  by("cards").replaceChildren(...shown.map(card));
}

function drawAll() {
  drawCounts();
  drawLengths();
  drawAsked();
  drawRules();
  drawSamples();
}
by("kind").addEventListener("change", drawAll);
by("theme").addEventListener("click", drawAsked);
drawAll();
document.documentElement.dataset.ready = "yes";
