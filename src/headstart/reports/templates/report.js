"use strict";
// Adds to a page that is whole without it: sorting, filtering, values on hover, all details opened in print.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const status = document.querySelector(".status");
  const say = (text) => { status.textContent = text; };

  // Sorting. What moves is a row, or a whole tbody in a table that has one for each strategy.
  const itemsOf = (table) => (table.matches(".comparison") ? [...table.tBodies] : [...table.tBodies[0].rows]);
  const cellOf = (item, index) => (item.rows ? item.rows[0] : item).cells[index];
  const collator = new Intl.Collator(undefined, { numeric: true });
  function compare(a, b) {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? collator.compare(a, b) : x - y;
  }
  function sort(table, header, button) {
    const index = header.cellIndex;
    const isNumber = header.classList.contains("number");
    const order = header.getAttribute("aria-sort") || (isNumber ? "ascending" : "descending");
    const ascending = order === "descending";
    const items = itemsOf(table);
    const parent = items[0].parentNode;
    const keyed = items.map((item) => [cellOf(item, index).dataset.value, item]);
    keyed.sort(([a], [b]) => {
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return ascending ? compare(a, b) : compare(b, a);
    });
    parent.append(...keyed.map(([, item]) => item));
    all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    say(`Sorted by ${button.textContent}, ${ascending ? "lowest" : "highest"} first.`);
  }
  for (const table of all("table.sortable")) {
    if (itemsOf(table).length < 2) continue;
    for (const header of all(":scope > thead th", table)) {
      if (!itemsOf(table).some((item) => cellOf(item, header.cellIndex).dataset.value !== undefined)) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...header.childNodes);
      button.addEventListener("click", () => sort(table, header, button));
      header.append(button);
    }
  }

  // Filtering: tasks by what is typed, strategies by their boxes.
  const controls = document.querySelector(".controls");
  const filter = document.querySelector("#filter");
  const rows = all(".matrix tbody > tr[data-task]");
  filter?.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set();
    for (const row of rows) {
      const text = row.dataset.search.toLowerCase();
      if (words.every((word) => text.includes(word))) shown.add(row.dataset.task);
    }
    all("[data-task]").forEach((part) => { part.hidden = !shown.has(part.dataset.task); });
    say(`${shown.size} of ${rows.length} tasks shown.`);
  });
  for (const box of all("input[data-column]", controls)) {
    box.addEventListener("change", () => {
      const label = box.closest("label").textContent.trim();
      all(`.matrix [data-column="${box.dataset.column}"]`).forEach((cell) => { cell.hidden = !box.checked; });
      all("tbody[data-strategy]").filter((part) => part.dataset.strategy === label)
        .forEach((part) => { part.hidden = !box.checked; });
      say(`${label} ${box.checked ? "shown" : "hidden"}.`);
    });
  }
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.hidden = false;

  // Details: all at once, and all of them on paper.
  const openAll = document.querySelector("[data-open-all]");
  openAll.addEventListener("click", () => {
    const open = all("details").some((part) => !part.open);
    all("details").forEach((part) => { part.open = open; });
    openAll.textContent = open ? "Close all details" : "Open all details";
  });
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    closed.forEach((part) => { part.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((part) => { part.open = false; }));

  // Values on hover: the drawing's own titles, at once and beside the pointer.
  const tooltip = document.querySelector(".tooltip");
  document.addEventListener("pointerover", (event) => {
    const mark = event.target.closest?.(".tip");
    tooltip.hidden = !mark;
    if (!mark) return;
    const title = mark.querySelector(":scope > title");
    if (title) { mark.dataset.tip = title.textContent; title.remove(); }
    tooltip.textContent = mark.dataset.tip;
  });
  document.addEventListener("pointermove", (event) => {
    if (tooltip.hidden) return;
    const box = tooltip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const below = event.clientY + 18;
    tooltip.style.left = `${Math.max(8, left)}px`;
    tooltip.style.top = `${below + box.height > innerHeight ? event.clientY - box.height - 12 : below}px`;
  });
})();
