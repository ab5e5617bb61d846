"use strict";
// Columns of a table are sorted by a press on their heading; without this script the table is just as readable.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    if (!("value" in cell.dataset)) return cell.textContent;
    return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
  };
  const compare = (a, b) => {
    if (typeof a === "string") return a.localeCompare(b);
    // A value that is not defined comes last, whichever way the others are sorted.
    if (Number.isNaN(a) || Number.isNaN(b)) return null;
    return a - b;
  };
  const sort = (head, column) => {
    const isText = body.rows.length > 0 && typeof value(body.rows[0], column) === "string";
    const was = head.getAttribute("aria-sort") ?? (isText ? "descending" : "ascending");
    const sign = was === "ascending" ? -1 : 1;
    const rows = [...body.rows].sort((first, second) => {
      const [a, b] = [value(first, column), value(second, column)];
      return compare(a, b) === null ? Number.isNaN(a) - Number.isNaN(b) : sign * compare(a, b);
    });
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
    body.append(...rows);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head, column));
    head.replaceChildren(button);
  });
}
