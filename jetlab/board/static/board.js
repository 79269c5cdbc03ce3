import { counted, element, follow, poll } from "./page.js";

const WIDTH = 260; // of the drawing of a value with its uncertainty, in its own units
const EDGE = 12;

function digits(error) {
  return error > 0 ? Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(error)))) : 3;
}

function value([number, error], nothing) {
  if (number === null || error === null) return nothing;
  const places = digits(error);
  return `${number.toFixed(places)} ± ${error.toFixed(places)}`;
}

// Ends of the axis: round numbers around all values and their uncertainties.
function axis(pairs) {
  const low = Math.min(...pairs.map(([number, error]) => number - error));
  const high = Math.max(...pairs.map(([number, error]) => number + error));
  const step = 10 ** Math.floor(Math.log10(Math.max(high - low, 0.002)));
  const ends = [Math.floor(low / step) * step, Math.ceil(high / step) * step];
  return ends[0] === ends[1] ? [ends[0] - step, ends[1] + step] : ends;
}

function place(number, [low, high]) {
  return EDGE + ((number - low) / (high - low)) * (WIDTH - 2 * EDGE);
}

function drawing([number, error], first, ends) {
  const [x, left, right, best] = [number, number - error, number + error, first].map((each) => place(each, ends));
  const line = (x1, y1, x2, y2, name = "") => element("line", { x1, y1, x2, y2, class: name });
  return element(
    "svg",
    { class: "range", viewBox: `0 0 ${WIDTH} 30`, preserveAspectRatio: "none", "aria-hidden": "true" },
    line(best, 0, best, 30, "first"),
    line(left, 15, right, 15),
    line(left, 9, left, 21),
    line(right, 9, right, 21),
    element("circle", { cx: x, cy: 15, r: 5 }),
  );
}

function scale(ends) {
  const places = Math.max(2, digits(ends[1] - ends[0]));
  return element("div", { class: "scale" }, ...ends.map((end) => element("span", {}, end.toFixed(places))));
}

async function showCode(challenge, row) {
  const answer = await fetch(`api/challenges/${encodeURIComponent(challenge)}/code/${row.entry}`);
  const said = await answer.json();
  document.getElementById("code-title").textContent = said.name ?? said.error;
  document.getElementById("code-note").textContent = said.note ?? "";
  const dialog = document.getElementById("code");
  dialog.querySelector("pre").textContent = said.code ?? "";
  dialog.showModal();
}

function ranking(challenge) {
  const half = challenge.ended ? "private" : "public";
  const pairs = challenge.rows.map((row) => row[half].auc);
  const head = element("tr", {}, element("th", { scope: "col" }, "rank"), element("th", { scope: "col" }, "who"));
  head.append(element("th", { scope: "col", class: "number" }, `AUC, ${half}`));
  const ends = pairs.length ? axis(pairs) : [0, 1];
  head.append(element("td", {}, scale(ends)));
  head.append(element("th", { scope: "col", class: "number" }, "1/εB", element("small", {}, "at εS = 0.5")));
  head.append(element("th", { scope: "col", class: "number" }, "entries"), element("th", { scope: "col" }, "made by"));
  const body = element("tbody");
  for (const row of challenge.rows) {
    const who = element("td", { class: "words" }, row.name);
    if (row.note) who.append(element("small", {}, row.note));
    if (row.by !== row.name) who.append(element("small", {}, `entered by ${row.by}`));
    const rank = element("td", { class: "rank" }, String(row.rank));
    if (row.same) rank.append(" ", element("span", { class: "same", title: "not distinguishable from rank 1" }, "≈ 1"));
    const code = element("td");
    if (row.config) {
      const options = { type: "button", "data-key": `${challenge.name} ${row.entry}` };
      const open = () => showCode(challenge.name, row);
      code.append(element("button", { ...options, onclick: open, "aria-label": `code of ${row.name}` }, "code"));
    }
    const auc = element("td", { class: "number" }, value(row[half].auc, "–"));
    if (challenge.ended) auc.append(element("small", {}, `public ${value(row.public.auc, "–")}`));
    const line = element(
      "tr",
      {},
      rank,
      who,
      auc,
      element("td", {}, drawing(row[half].auc, pairs[0][0], ends)),
      element("td", { class: "number" }, value(row[half].rejection_50, "no QCD passes")),
    );
    line.append(element("td", { class: "number" }, String(row.entries)), code);
    body.append(line);
  }
  return element("div", { class: "wide" }, element("table", {}, element("thead", {}, head), body));
}

function section(challenge, perHour) {
  const made = element("section", {}, element("h2", {}, challenge.name));
  const half = challenge.ended ? "private" : "public";
  const entries = counted(challenge.entries, "entry", "entries");
  const jets = `${entries}, measured on the ${counted(challenge.jets[half], "jet")} of the ${half} half.`;
  const how = challenge.ended
    ? "The challenge is over: the private half, which nobody could tune on, decides."
    : `The private half decides in the end. At most ${counted(perHour, "entry", "entries")} an hour.`;
  made.append(element("p", {}, `${jets} ${how}`));
  if (challenge.rehearsal) {
    made.append(element("p", { class: "trouble" }, "A rehearsal: the labels of these jets come with the kit."));
  }
  if (!challenge.rows.length) {
    made.append(element("p", { class: "soft" }, `Nobody has entered yet: check.submit("${challenge.name}", scores).`));
    return made;
  }
  made.append(ranking(challenge));
  const file = `api/challenges/${encodeURIComponent(challenge.name)}/ranking.csv`;
  const legend = "Bars are one standard deviation of the test jets. ≈ 1: not distinguishable from rank 1, on the same jets. ";
  made.append(
    element("p", { class: "soft" }, legend, element("a", { href: file, "data-key": file }, "Download as CSV")),
  );
  return made;
}

follow("api/state", (state) => {
  const board = document.getElementById("board");
  board.replaceChildren(...state.challenges.map((challenge) => section(challenge, state.per_hour)));
  if (state.poll) board.prepend(poll(state.poll));
});
