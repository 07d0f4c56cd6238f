// Opens a page that mien wrote, as a file, in a headless Chromium:
//   node report.mjs CHROMIUM PAGE FOLDER [brief]
// It looks at it in two widths, light and dark, and printed (with `brief` that is all, in one width); points at curves, uses keys, presses what can be pressed.
// Prints what it found as JSON, and leaves screenshots in FOLDER.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [executablePath, file, folder, brief] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const address = pathToFileURL(file).href;
const found = { faults: [], requests: [], blocked: [], views: {} };

const opened = async (options) => {
  const page = await browser.newPage(options);
  page.on("pageerror", (error) => found.faults.push(String(error)));
  page.on("console", (message) => found.faults.push(message.text()));
  page.on("dialog", (dialog) => { found.faults.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const url = request.url();
    if (url !== address && !url.startsWith("data:")) found.requests.push(url);
  });
  page.on("requestfailed", (request) => {
    if (request.failure()?.errorText === "csp") found.blocked.push(request.url());
  });
  await page.goto(address);
  return page;
};

// What a cursor over the first chart reads out.
const reading = (page) => page.evaluate(() => {
  const chart = document.querySelector(".chart");
  const cursor = chart.querySelector(".reads .cursor").getBoundingClientRect();
  const plot = chart.querySelector(".reads .plot").getBoundingClientRect();
  return {
    time: chart.querySelector("output").textContent,
    share: (cursor.left - plot.left) / plot.width,
    shown: getComputedStyle(chart.querySelector(".reads .cursor")).display,
    row: [...chart.querySelector(".reads").querySelectorAll(".read")].map((each) => each.textContent),
    near: [...document.querySelectorAll(".moment.near b")].map((each) => each.textContent),
    now: chart.getAttribute("aria-valuenow"),
    text: chart.getAttribute("aria-valuetext"),
  };
});

// The first column of the first table, once a head was pressed.
const sorted = async (page, name) => {
  await page.locator(".sortable").first().getByRole("button", { name, exact: true }).click();
  return page.evaluate((wanted) => {
    const table = document.querySelector(".sortable");
    const heads = [...table.tHead.rows[0].cells];
    const column = heads.findIndex((head) => head.textContent.trim() === wanted);
    return {
      order: heads[column].getAttribute("aria-sort"),
      cells: [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.value),
      names: [...table.tBodies[0].rows].map((row) => row.querySelector("th").textContent),
    };
  }, name);
};

try {
  const views = [["wide", 1280, "light"], ["narrow", 380, "light"], ["dark", 1280, "dark"]];
  for (const [name, width, colorScheme] of brief ? views.slice(0, 1) : views) {
    const page = await opened({ viewport: { width, height: 800 }, colorScheme });
    found.views[name] = await page.evaluate(() => ({
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      ground: getComputedStyle(document.body).backgroundColor,
      ink: getComputedStyle(document.body).color,
      broken: [...document.images].filter((image) => !image.naturalWidth).length,
      nameless: [...document.images].filter((image) => !image.alt).length,
      title: document.title,
      heading: document.querySelector("h1").textContent,
      scripts: document.querySelectorAll("script[src], link, iframe, object, embed, base").length,
    }));
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
    await page.close();
  }
  const page = await opened({ viewport: { width: 1280, height: 900 } });
  if (!brief && (await page.locator(".chart").count())) {
    const plot = page.locator(".chart .reads .plot").first();
    await plot.scrollIntoViewIfNeeded();
    const box = await plot.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    found.hover = await reading(page);
    await page.screenshot({ path: join(folder, "hover.png") });
    await page.locator(".chart").first().focus();
    await page.keyboard.press("Home");
    found.home = await reading(page);
    await page.keyboard.press("ArrowRight");
    found.right = await reading(page);
    await page.keyboard.press("End");
    found.end = await reading(page);
    await page.locator(".moment").last().click();
    found.moment = await reading(page);
    found.last = await page.locator(".moment b").last().textContent();
  }
  if (!brief && (await page.locator("#points").count())) {
    const visible = () => page.evaluate(() => getComputedStyle(document.querySelector(".points")).visibility);
    const before = await visible();
    await page.locator("#points").check();
    found.points = [before, await visible()];
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: join(folder, "points.png") });
  }
  found.sorts = {};
  for (const name of brief ? [] : await page.locator(".sortable").first().locator("thead button").allTextContents()) {
    found.sorts[name] = [await sorted(page, name), await sorted(page, name)];
  }
  if (!brief) await page.pdf({ path: join(folder, "page.pdf"), format: "A4" });
  process.stdout.write(JSON.stringify(found));
} finally {
  await browser.close();
}
