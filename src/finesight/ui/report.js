"use strict";
(() => {
  const root = document.documentElement;

  for (const input of document.querySelectorAll("input[data-hides]")) {
    const apply = () => root.classList.toggle(input.dataset.hides, !input.checked);
    input.addEventListener("change", apply);
    apply(); // a reloaded page keeps its checks
  }

  const table = document.getElementById("index");
  const cards = document.getElementById("cards");
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;

  // The first click on a heading sorts upwards, the next one downwards; the cards follow the rows.
  table?.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-column]");
    if (!button) return;
    const heading = button.parentElement;
    const downwards = heading.ariaSort === "ascending";
    for (const other of table.tHead.rows[0].cells) other.ariaSort = "none";
    heading.ariaSort = downwards ? "descending" : "ascending";
    const value = (row) => row.cells[button.dataset.column].dataset.value;
    const rows = [...table.tBodies[0].rows].sort((a, b) => compare(value(a), value(b)) * (downwards ? -1 : 1));
    table.tBodies[0].append(...rows);
    cards.append(...rows.map((row) => document.getElementById(row.dataset.card)));
  });

  // Pointing at a finding in the list lights its box, and the other way round.
  const light = (on) => (event) => {
    const pointed = event.target.closest(".box, .finding");
    if (!pointed) return;
    const twins = pointed.closest(".card").querySelectorAll(`[data-number="${pointed.dataset.number}"]`);
    for (const twin of twins) twin.classList.toggle("lit", on);
  };
  cards?.addEventListener("mouseover", light(true));
  cards?.addEventListener("mouseout", light(false));
})();
