// Sorting is a convenience: without scripts the best model stands first.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.textContent) return;
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const numeric = head.classList.contains("number");
      const value = row => {
        const cell = row.cells[column];
        return numeric ? Number(cell.dataset.value ?? -1) : cell.textContent.trim();
      };
      const order = (a, b) => (numeric ? value(a) - value(b) : value(a).localeCompare(value(b)));
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => sign * order(a, b)));
    });
  });
}
