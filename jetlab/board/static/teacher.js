import { counted, element, follow, poll } from "./page.js";

const SIGNS = { right: "✓", wrong: "✗", seen: "·", "": "" };
const WORDS = { right: "solved", wrong: "answered wrongly", seen: "come to", "": "not come to" };
const ALL = "all lessons";

let latest = null;

function token() {
  return document.cookie.match(/(?:^|; )jetlab-board-xsrf="?([^";]+)/)?.[1] ?? "";
}

async function send(method, address, values) {
  const trouble = document.getElementById("trouble");
  trouble.textContent = "";
  try {
    const body = values === undefined ? null : JSON.stringify(values);
    const answer = await fetch(address, { method, body, headers: { "X-XSRFToken": token() } });
    if (!answer.ok) trouble.textContent = (await answer.json()).error;
  } catch (error) {
    trouble.textContent = "The board does not answer: try again.";
  }
  await look();
}

function lesson(exercise) {
  return exercise.split(".")[0];
}

function table(head, rows, name = "") {
  const line = element("tr", {}, ...head.map((each) => element("th", { scope: "col" }, each)));
  return element("table", { class: name }, element("thead", {}, line), element("tbody", {}, ...rows));
}

function heat(room, chosen) {
  const lessons = [...new Set(room.exercises.map(lesson))];
  if (chosen === ALL) {
    const rows = room.rows.map((row) => {
      const cells = lessons.map((each) => {
        const states = row.states.filter((_, place) => lesson(room.exercises[place]) === each);
        const right = states.filter((state) => state === "right").length;
        const begun = states.some((state) => state);
        const kind = right === states.length ? "right" : begun ? "seen" : "";
        return element("td", { class: kind }, begun ? `${right} of ${states.length}` : "");
      });
      return element("tr", {}, element("th", { scope: "row" }, row.name), ...cells);
    });
    return table(["", ...lessons], rows, "heat");
  }
  const places = room.exercises.map((_, place) => place).filter((place) => lesson(room.exercises[place]) === chosen);
  const here = room.rows.filter((row) => places.some((place) => row.states[place]));
  const rows = here.map((row) => {
    const cells = places.map((place) => {
      const state = row.states[place];
      return element("td", { class: state, "aria-label": WORDS[state], title: WORDS[state] }, SIGNS[state]);
    });
    return element("tr", {}, element("th", { scope: "row" }, row.name), ...cells);
  });
  const solved = places.map((place) => here.filter((row) => row.states[place] === "right").length);
  const sums = solved.map((number) => element("td", {}, `${number}/${here.length}`));
  rows.push(element("tr", {}, element("th", { scope: "row" }, "solved by"), ...sums));
  return table(["", ...places.map((place) => room.exercises[place])], rows, "heat");
}

function showHeat() {
  const { room } = latest;
  const select = document.getElementById("lesson");
  const lessons = [...new Set(room.exercises.map(lesson))];
  const wanted = [ALL, ...lessons];
  if ([...select.options].map((each) => each.value).join() !== wanted.join()) {
    const before = select.value;
    select.replaceChildren(...wanted.map((each) => element("option", { value: each }, each)));
    select.value = wanted.includes(before) && before ? before : (room.lesson || ALL);
  }
  const shown = room.rows.length ? heat(room, select.value) : element("p", {}, "Nobody shares their progress yet.");
  document.getElementById("heat").replaceChildren(shown);
}

function show(state) {
  latest = state;
  showHeat();
  const { wrong, stuck } = state.room;
  const rows = wrong.map((each) =>
    element(
      "tr",
      {},
      element("td", {}, each.exercise),
      element("td", { class: "words" }, each.hint),
      element("td", { class: "number" }, String(each.participants)),
      element("td", { class: "number" }, String(each.times)),
    ),
  );
  const commonest = rows.length ? table(["exercise", "hint", "people", "times"], rows) : element("p", {}, "None yet.");
  document.getElementById("wrong").replaceChildren(commonest);
  const waiting = stuck.map((each) =>
    element("li", {}, `${each.name}, at ${each.exercise} for ${counted(each.minutes, "minute")}`),
  );
  const nobody = element("p", {}, "Nobody.");
  document.getElementById("stuck").replaceChildren(waiting.length ? element("ul", {}, ...waiting) : nobody);
  const none = element("section", {}, element("h2", {}, "Poll"), element("p", {}, "None yet."));
  document.getElementById("asked").replaceChildren(state.poll ? poll(state.poll) : none);
  document.getElementById("close").disabled = !state.poll || state.poll.closed;
  document.getElementById("challenges").replaceChildren(
    ...state.challenges.map((challenge) => {
      const made = element("p", {}, `${challenge.name}: `);
      if (challenge.ended) made.append("over.");
      else {
        const options = { type: "button", "data-key": `end ${challenge.name}`, onclick: () => sure(challenge.name) };
        made.append(element("button", options, "End it"));
      }
      return made;
    }),
  );
}

function sure(name) {
  const dialog = document.getElementById("sure");
  document.getElementById("sure-title").textContent = `End ${name} for good?`;
  dialog.returnValue = "no";
  dialog.onclose = () => {
    if (dialog.returnValue === "yes") send("POST", `api/challenges/${encodeURIComponent(name)}/end`);
  };
  dialog.showModal();
}

const look = follow("api/room", show);
document.getElementById("lesson").addEventListener("change", showHeat);
document.getElementById("close").addEventListener("click", () => send("DELETE", "api/poll"));
document.getElementById("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const choices = document.getElementById("choices").value.split("\n").filter((each) => each.trim());
  send("POST", "api/poll", { question: document.getElementById("question").value, choices });
});
