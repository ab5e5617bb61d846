// Put into a page by tests/pages.rs. Each function answers with a list of what is wrong.
"use strict";
globalThis.marque = (() => {
  const said = (node) => JSON.stringify(node.textContent.trim().slice(0, 40));

  // Texts in the order of the document, with the boxes of their lines as they are drawn.
  const texts = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (!node.data.trim() || parent.closest("script, style, title, desc, .skip")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const boxes = [...range.getClientRects()].filter((box) => box.width > 0 && box.height > 0);
      found.push({ node, parent, boxes });
    }
    return found;
  };

  const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
  const ancestors = function* (element) {
    for (; element && element !== document.documentElement; element = element.parentElement) yield element;
  };
  const sticksOut = (inner, outer, slack = 1) => inner.left < outer.left - slack || inner.right > outer.right + slack;

  // Text and pictures lie inside the window, or inside something that can be scrolled; text lies inside its own box.
  const misfits = (width) => {
    const problems = [];
    const found = document.documentElement.scrollWidth;
    if (found > width) problems.push(`the page is ${found} px wide, the window ${width}`);
    const page = { left: 0, right: width };
    for (const { node, parent, boxes } of texts()) {
      const drawing = parent.closest("svg");
      const own = drawing ?? [...ancestors(parent)].find((box) => getComputedStyle(box).display !== "inline");
      const isScrolled = [...ancestors(parent)].some(scrolls);
      for (const box of boxes) {
        // A line has room above and below its letters, which lies to the left and right in text that is turned.
        const slack = drawing && box.height > box.width ? box.width / 4 : 1;
        if (!isScrolled && sticksOut(box, page)) problems.push(`${said(node)} sticks out of the window`);
        if (!scrolls(own) && sticksOut(box, own.getBoundingClientRect(), slack)) {
          problems.push(`${said(node)} sticks out of its <${own.tagName.toLowerCase()}>`);
        }
      }
    }
    for (const picture of document.querySelectorAll("img, svg")) {
      const isScrolled = [...ancestors(picture)].some(scrolls);
      if (!isScrolled && sticksOut(picture.getBoundingClientRect(), page)) {
        problems.push(`<${picture.tagName}> sticks out of the window`);
      }
    }
    return problems;
  };

  const tables = () => [...document.querySelectorAll("table.sortable")];
  const column = (table, at) =>
    [...table.tBodies[0].rows].map((row) => {
      const cell = row.cells[at];
      return "value" in cell.dataset ? (cell.dataset.value === "" ? null : Number(cell.dataset.value)) : cell.textContent;
    });
  const rows = (table) => [...table.tBodies[0].rows].map((row) => row.textContent);

  // Heading `at` of a table says which way its column is sorted, and the column is.
  const unsorted = (table, at) => {
    const states = [...table.tHead.rows[0].cells].map((head) => head.getAttribute("aria-sort"));
    const state = states[at];
    const problems = [];
    if (!["ascending", "descending"].includes(state)) problems.push(`aria-sort of column ${at} is ${state}`);
    if (states.some((other, index) => index !== at && (other ?? "none") !== "none")) problems.push(`aria-sort is ${states}`);
    const values = column(table, at);
    const first = values.indexOf(null);
    const defined = first < 0 ? values : values.slice(0, first);
    if (values.slice(defined.length).some((value) => value !== null)) problems.push(`column ${at}: undefined values are not last`);
    const order = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
    const sign = state === "descending" ? -1 : 1;
    for (let row = 1; row < defined.length; row += 1) {
      if (sign * order(defined[row - 1], defined[row]) > 0) {
        problems.push(`column ${at}, ${state}: ${defined[row - 1]} before ${defined[row]}`);
      }
    }
    return problems;
  };

  return { misfits, tables, rows, unsorted };
})();
