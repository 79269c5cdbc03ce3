// What both pages need. Whatever participants wrote goes into text nodes only, never into markup.

const EVERY = 3000; // ms between two looks

export function element(name, options = {}, ...children) {
  const svg = ["svg", "line", "circle", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// Show what an address has, again whenever it has changed; the element in use stays so, found by its data-key.
export function follow(address, show) {
  const status = document.getElementById("status");
  let before = "";
  const look = async () => {
    try {
      const answer = await fetch(address);
      if (answer.status === 401 || answer.status === 403) {
        location.reload(); // to log in again
        return;
      }
      const text = await answer.text();
      if (!answer.ok) throw new Error(answer.statusText);
      if (text !== before) {
        const used = document.activeElement?.dataset?.key;
        show(JSON.parse(text));
        before = text;
        if (used) document.querySelector(`[data-key="${CSS.escape(used)}"]`)?.focus();
      }
      status.className = "";
      status.textContent = `up to date at ${new Date().toLocaleTimeString()}`;
    } catch (error) {
      status.className = "trouble";
      status.textContent = "The board does not answer; trying again …";
    }
  };
  const loop = async () => {
    await look();
    setTimeout(loop, EVERY);
  };
  loop();
  return look;
}

export function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function poll(asked) {
  const most = Math.max(1, ...asked.votes);
  const sum = asked.votes.reduce((a, b) => a + b, 0);
  const bars = element("div", { class: "bars" });
  asked.choices.forEach((choice, number) => {
    const votes = asked.votes[number];
    const label = `choice-${number}`;
    bars.append(
      element("span", { id: label }, choice),
      element("progress", { value: votes, max: most, "aria-labelledby": label }),
      element("span", {}, String(votes)),
    );
  });
  const how = asked.closed ? "The poll is closed." : "Vote in a notebook: check.vote() shows how.";
  return element(
    "section",
    { id: "poll" },
    element("h2", {}, asked.question),
    element("p", { class: "soft" }, `${counted(sum, "vote")}. ${how}`),
    bars,
  );
}
