/* Zooms the map, sorts and searches the owners. All text enters the page as text, never as markup. */
"use strict";
(() => {
  const HEADER = 20, PADDING = 2, LEAST = { width: 26, height: 17 }, LETTER = 40, ROWS = 200;
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const made = (tag, text, className) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };

  /* Formats bytes as the other formats do. */
  const size = (count) => {
    const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let value = count, unit = 0;
    while (Number(value.toPrecision(3)) >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
    if (unit === 0) return `${value} B`;
    const digits = Math.max(0, 3 - String(Math.trunc(Number(value.toPrecision(3)))).length);
    return `${value.toFixed(digits)} ${units[unit]}`;
  };
  const share = (part, whole) => {
    const percent = whole ? 100 * part / whole : 0;
    return percent >= 10 || percent === 0 ? `${percent.toFixed(0)} %` : `${percent.toFixed(1)} %`;
  };
  const named = (category) => data.categories[category] || category || "several";

  const tree = (listed) => d3.hierarchy(listed, (node) => node[3])
    .each((node) => { node.value = node.data[1]; });
  const about = (node, name = node.data[0]) => {
    const parts = node.children ? `, ${node.children.length} part${node.children.length === 1 ? "" : "s"}` : "";
    const owner = node.data[2] ? `, ${named(node.data[2])}` : "";
    return `${name}: ${size(node.value)}, ${share(node.value, node.ancestors().at(-1).value)}${owner}${parts}`;
  };

  const zoom = () => {
    const tiles = byId("zoom-tiles"), told = byId("zoom-told"), path = byId("zoom-path"), choice = byId("zoom-map");
    const rows = byId("zoom-table").querySelector("tbody");
    const roots = new Map();
    let focus, buttons = [];

    const root = () => {
      if (!roots.has(choice.value)) roots.set(choice.value, tree(data.maps[choice.value].root));
      return roots.get(choice.value);
    };
    const title = (node) => node.parent ? node.data[0] : data.maps[choice.value].variant;

    const place = (element, node, box) => {
      element.style.left = `${box.x0}px`;
      element.style.top = `${box.y0}px`;
      element.style.width = `${Math.max(0, box.x1 - box.x0)}px`;
      element.style.height = `${Math.max(0, box.y1 - box.y0)}px`;
      element.classList.add(`c-${node.data[2] in data.categories ? node.data[2] : "several"}`);
      tiles.append(element);
    };
    const tile = (node, box) => {
      const width = box.x1 - box.x0, height = box.y1 - box.y0;
      if (width < 2 || height < 2) return;
      if (width < LEAST.width || height < LEAST.height) { place(made("div"), node, box); return; }
      const button = made("button");
      if (width >= LETTER) button.append(made("span", `${node.data[0]} ${size(node.value)}`));
      button.type = "button";
      button.title = about(node);
      button.setAttribute("aria-label", about(node));
      button.tabIndex = -1;
      if (!node.children) button.classList.add("leaf");
      button.addEventListener("click", () => (node.children ? show(node) : tell(node)));
      button.addEventListener("focus", () => { choose(button); tell(node); });
      button.addEventListener("mouseenter", () => tell(node));
      buttons.push({ button, node, box });
      place(button, node, box);
    };
    const choose = (button) => { for (const each of buttons) each.button.tabIndex = each.button === button ? 0 : -1; };
    const tell = (node) => {
      const names = node.path(focus).reverse().slice(1).map((each) => each.data[0]);
      told.textContent = names.length > 1 ? `${names.slice(0, -1).join(" › ")} › ${about(node)}` : about(node);
    };

    /* Draws two levels at a time, in the available room. */
    const draw = () => {
      const width = tiles.clientWidth, height = tiles.clientHeight;
      tiles.replaceChildren();
      buttons = [];
      const near = d3.hierarchy(focus, (node) => (node.depth - focus.depth < 2 ? node.children : undefined))
        .each((node) => { node.value = node.data.value; })
        .sort((first, second) => second.value - first.value);
      d3.treemap().size([width, height]).paddingInner(PADDING)
        .paddingTop((node) => (node.depth === 1 ? HEADER : 0)).round(true)(near);
      for (const node of near.descendants().slice(1)) {
        const { x0, y0, x1, y1 } = node;
        const whole = !(node.depth === 1 && node.children);
        if (!whole) place(made("div", undefined, "group"), node.data, { x0, y0, x1, y1 });
        tile(node.data, { x0, y0, x1, y1: whole ? y1 : Math.min(y1, y0 + HEADER) });
      }
      if (buttons.length) buttons[0].button.tabIndex = 0;
    };

    const list = () => {
      const whole = root().value;
      const parts = [...(focus.children || [])].sort((first, second) => second.value - first.value);
      rows.replaceChildren(...parts.slice(0, ROWS).map((node) => {
        const row = made("tr"), name = made("th");
        name.scope = "row";
        if (node.children) {
          const button = made("button", node.data[0]);
          button.type = "button";
          button.addEventListener("click", () => { show(node); byId("zoom-table").querySelector("summary").focus(); });
          name.append(button);
        } else name.textContent = node.data[0];
        row.append(name, made("td", named(node.data[2])), made("td", size(node.value), "number"),
          made("td", share(node.value, whole), "number"));
        return row;
      }));
    };
    const crumbs = () => {
      path.replaceChildren(...focus.ancestors().reverse().map((node) => {
        const item = made("li");
        if (node === focus) {
          item.textContent = `${title(node)} ${size(node.value)}`;
          item.setAttribute("aria-current", "location");
          item.title = title(node);
        } else {
          const button = made("button", title(node));
          button.type = "button";
          button.title = title(node);
          button.addEventListener("click", () => show(node, focus.ancestors().find((each) => each.parent === node)));
          item.append(button);
        }
        return item;
      }));
    };

    const show = (node, from, move = true) => {
      focus = node;
      draw();
      crumbs();
      list();
      const target = buttons.find((each) => each.node === from) || buttons[0];
      if (move && target) target.button.focus({ preventScroll: true });
      else told.textContent = about(node, title(node));
    };
    const out = () => { if (focus.parent) show(focus.parent, focus); };

    /* The nearest tile in a direction; sideways distance counts double, so that rows and columns are kept. */
    const nearest = (from, across, down) => {
      const middle = (box) => ({ x: (box.x0 + box.x1) / 2, y: (box.y0 + box.y1) / 2 });
      const start = middle(from.box);
      let best, least = Infinity;
      for (const each of buttons) {
        const at = middle(each.box), x = at.x - start.x, y = at.y - start.y;
        const ahead = x * across + y * down, aside = Math.abs(x * down) + Math.abs(y * across);
        if (each !== from && ahead > 0 && ahead + 2 * aside < least) { best = each; least = ahead + 2 * aside; }
      }
      return best;
    };
    const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    tiles.addEventListener("keydown", (event) => {
      const current = buttons.find((each) => each.button === document.activeElement);
      let next;
      if (current && event.key in ARROWS) next = nearest(current, ...ARROWS[event.key]);
      else if (event.key === "Home") next = buttons[0];
      else if (event.key === "End") next = buttons.at(-1);
      else return;
      event.preventDefault();
      if (next) next.button.focus({ preventScroll: true });
    });
    byId("zoom").addEventListener("keydown", (event) => {
      if (event.key === "Escape" && event.target !== choice && focus.parent) { event.preventDefault(); out(); }
    });
    choice.addEventListener("change", () => show(root(), undefined, false));

    document.documentElement.classList.add("scripted");
    byId("zoom").hidden = false;
    show(root(), undefined, false);
    let width = tiles.clientWidth;
    new ResizeObserver(() => {
      if (tiles.clientWidth === width) return;
      width = tiles.clientWidth;
      const held = buttons.find((each) => each.button === document.activeElement);
      draw();
      const again = held && buttons.find((each) => each.node === held.node);
      if (again) again.button.focus({ preventScroll: true });
    }).observe(tiles);
  };

  const ledger = () => {
    const table = byId("ledger"), body = table.tBodies[0], words = byId("search-words"), told = byId("search-told");
    const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
    const heads = [...table.tHead.rows[0].cells];

    const search = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { row, text } of rows) {
        row.hidden = !wanted.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      const sums = heads.slice(3).map((head, index) => {
        const sum = rows.reduce((total, { row }) =>
          total + (row.hidden ? 0 : Math.max(0, Number(row.cells[index + 3].dataset.value))), 0);
        return `${head.textContent} ${size(sum)}`;
      });
      told.textContent = `${shown} of ${rows.length} owners${wanted.length ? `: ${sums.join(", ")}` : ""}`;
    };
    const sort = (column) => {
      const head = heads[column], number = head.classList.contains("number");
      const old = head.getAttribute("aria-sort");
      const down = old ? old === "ascending" : number;
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = ({ row }) => (number ? Number(row.cells[column].dataset.value) : row.cells[column].textContent);
      const compare = (first, second) => (number ? first - second : first.localeCompare(second));
      rows.sort((first, second) => (down ? -1 : 1) * compare(key(first), key(second)));
      body.append(...rows.map(({ row }) => row));
    };

    heads.forEach((head, column) => {
      const button = made("button", head.textContent);
      button.type = "button";
      button.addEventListener("click", () => sort(column));
      head.replaceChildren(button);
    });
    words.addEventListener("input", search);
    byId("search").hidden = false;
    search();
  };

  if (byId("zoom")) zoom();
  if (byId("ledger")) ledger();
})();
