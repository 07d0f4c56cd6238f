"use strict";
(() => {
  const timesAt = document.getElementById("times");
  const times = timesAt ? JSON.parse(timesAt.textContent) : [];

  const clock = (seconds) => {
    if (Math.abs(seconds) < 59.995) return `${seconds.toFixed(2)} s`;
    const tenths = Math.round(seconds * 10);
    const rest = tenths % 600;
    const minutes = Math.floor(tenths / 600);
    const two = (number) => String(number).padStart(2, "0");
    const end = `${two(Math.floor(rest / 10))}.${rest % 10}`;
    return minutes >= 60 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${end}` : `${minutes}:${end}`;
  };

  // The place among `times` that lies nearest to a time.
  const nearest = (time) => {
    let low = 0;
    let high = times.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (times[middle] <= time) low = middle; else high = middle;
    }
    return time - times[low] <= times[high] - time ? low : high;
  };

  for (const face of document.querySelectorAll(".face")) {
    const chart = face.querySelector(".chart");
    if (!chart || !times.length) continue;
    const values = JSON.parse(face.querySelector(".values").textContent);
    const rows = [...chart.querySelectorAll(".reads")].map((row) => ({
      degrees: row.dataset.unit === "degrees",
      reads: [...row.querySelectorAll(".read")],
    }));
    const moments = [...face.querySelectorAll(".moment")];
    const output = chart.querySelector("output");
    const start = Number(chart.dataset.start);
    const length = Number(chart.dataset.length);
    let place = 0;

    const show = (next) => {
      place = Math.min(Math.max(next, 0), times.length - 1);
      chart.classList.add("reading");
      chart.style.setProperty("--at", String(length > 0 ? (times[place] - start) / length : 0));
      output.textContent = clock(times[place]);
      rows.forEach((row, k) => row.reads.forEach((read, line) => {
        const value = values[k][line][place];
        const name = read.dataset.name ? `${read.dataset.name} ` : "";
        read.textContent = value === null ? `${name}–` : row.degrees ? `${name}${value}°` : `${name}${(value / 100).toFixed(2)}`;
      }));
      let near = null;
      for (const moment of moments) {
        const far = Math.abs(Number(moment.dataset.time) - times[place]);
        if (near === null || far < near.far) near = { moment, far };
      }
      for (const moment of moments) {
        const on = near !== null && moment === near.moment;
        moment.classList.toggle("near", on);
        if (on) moment.setAttribute("aria-current", "true"); else moment.removeAttribute("aria-current");
      }
      chart.setAttribute("aria-valuenow", String(place));
      chart.setAttribute("aria-valuetext", clock(times[place]));
    };

    const follow = (event) => {
      const plot = chart.querySelector(".reads .plot").getBoundingClientRect();
      const share = (event.clientX - plot.left) / plot.width;
      if (share >= -0.02 && share <= 1.02) show(nearest(start + share * length));
    };
    chart.addEventListener("pointermove", follow);
    chart.addEventListener("pointerdown", follow);
    chart.addEventListener("keydown", (event) => {
      const leap = Math.max(1, Math.round(times.length / 20));
      const steps = {
        ArrowRight: place + 1, ArrowUp: place + 1, ArrowLeft: place - 1, ArrowDown: place - 1,
        PageUp: place + leap, PageDown: place - leap, Home: 0, End: times.length - 1,
      };
      if (!(event.key in steps)) return;
      event.preventDefault();
      show(steps[event.key]);
    });
    for (const moment of moments) {
      const go = () => show(nearest(Number(moment.dataset.time)));
      for (const kind of ["pointerenter", "focus", "click"]) moment.addEventListener(kind, go);
    }
  }

  for (const table of document.querySelectorAll(".sortable")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        // Numbers from the greatest, what comes in an order of its own from the beginning.
        const first = head.textContent.trim() === "channel" || head.textContent.trim() === "source" ? "ascending" : "descending";
        const order = before === "none" ? first : before === "ascending" ? "descending" : "ascending";
        for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const key = (row) => {
          const value = row.cells[column].dataset.value;
          return Number.isNaN(Number(value)) ? value : Number(value);
        };
        const rows = [...body.rows].map((row) => [key(row), row]);
        rows.sort(([a], [b]) => sign * (a < b ? -1 : a > b ? 1 : 0));
        body.append(...rows.map(([, row]) => row));
      });
    });
  }
})();
