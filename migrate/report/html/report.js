"use strict";
document.documentElement.classList.add("js");
const all = (query, from = document) => [...from.querySelectorAll(query)];

function filter(name) {
  const table = document.getElementById(name);
  const words = document.querySelector(`input[data-for="${name}"]`).value.toLowerCase().split(/\s+/).filter(Boolean);
  const choice = document.querySelector(`select[data-for="${name}"]`);
  let shown = 0;
  for (const body of table.tBodies) {
    const text = body.textContent.toLowerCase();
    body.hidden = !(words.every((word) => text.includes(word)) && (!choice || !choice.value || body.dataset.s === choice.value));
    shown += body.hidden ? 0 : 1;
  }
  document.querySelector(`output[data-for="${name}"]`).textContent = `${shown} of ${table.tBodies.length}`;
}

function sort(head) {
  const table = head.closest("table");
  const falling = head.getAttribute("aria-sort") === "ascending";
  const value = (body) => {
    const cell = body.rows[0].cells[head.cellIndex];
    return head.dataset.n ? Number(cell.dataset.v) : cell.textContent;
  };
  const compare = (a, b) => (head.dataset.n ? a - b : a.localeCompare(b, undefined, { numeric: true }));
  const bodies = [...table.tBodies].sort((a, b) => compare(value(a), value(b)) * (falling ? -1 : 1));
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  table.append(...bodies);
}

for (const field of all(".tools [data-for]")) {
  field.addEventListener("input", () => filter(field.dataset.for));
  if (field.type === "search") filter(field.dataset.for);
}
for (const head of all("table.rows > thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  button.addEventListener("click", () => sort(head));
  head.append(button);
}

function reveal() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  if (target.tagName === "TBODY") {
    target.hidden = false;
    target.querySelector("details").open = true;
  }
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
addEventListener("beforeprint", () => all("details.cause, #files details").forEach((one) => (one.open = true)));
reveal();
