"use strict";
// The page says everything without this: it only sorts and filters tables, and turns the light off.
for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  table.querySelectorAll("th").forEach((head, column) => {
    head.dataset.sort = "";
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const order = (a, b) => value(a).localeCompare(value(b), undefined, { numeric: true });
      const number = (a, b) => Number(value(a)) - Number(value(b));
      const rows = [...body.rows];
      rows.sort(rows.every((row) => value(row) !== "" && !isNaN(value(row))) ? number : order);
      body.append(...(down ? rows.reverse() : rows));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => event.key === "Enter" && sort());
  });
  const filter = document.createElement("input");
  filter.type = "search";
  filter.placeholder = "Show labels with …";
  filter.setAttribute("aria-label", filter.placeholder);
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const row of body.rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    }
  });
  table.parentElement.before(filter);
}
const light = document.createElement("button");
const root = document.documentElement;
const isDark = () =>
  root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const name = () => (light.textContent = isDark() ? "Light" : "Dark");
light.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  name();
});
name();
document.querySelector("header").append(light);
