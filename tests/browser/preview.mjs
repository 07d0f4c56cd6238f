// Opens the page of `mien capture --preview` in a headless Chromium:
//   node preview.mjs CHROMIUM ADDRESS FOLDER
// It looks at the picture and the numbers until both have changed, presses what there is to press, stops the capture
// with q, and takes screenshots into FOLDER. Prints what it saw as JSON.
import { join } from "node:path";
import { chromium } from "playwright-core";

const [executablePath, address, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath, headless: true,
  args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"],
});
const faults = [];

async function opened(width, height, colorScheme) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    // The one about reading pixels back is of this script's own making.
    const own = message.text().includes("willReadFrequently");
    if (["error", "warning"].includes(message.type()) && !own) faults.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(address)) faults.push(`asked for ${request.url()}`);
  });
  await page.goto(address);
  await page.waitForSelector("#state.live", { timeout: 60000 });
  await page.waitForSelector(".face .bar", { timeout: 60000 });
  return page;
}

const look = (page) => page.evaluate(() => {
  const canvas = document.getElementById("picture");
  const middle = [canvas.width / 2 - 40, canvas.height / 2 - 40, 80, 80];
  const pixels = canvas.getContext("2d").getImageData(...middle.map(Math.round)).data;
  let sum = 0;
  for (let k = 0; k < pixels.length; k += 7) sum = (sum * 31 + pixels[k]) % 1000000007;
  return {
    picture: sum,
    size: [canvas.width, canvas.height],
    values: [...document.querySelectorAll(".row .value b")].map((each) => each.textContent).join(" "),
    time: document.getElementById("time").textContent,
    wide: document.documentElement.scrollWidth,
    source: document.getElementById("source").textContent,
    rows: document.querySelectorAll(".row").length,
    filled: [...document.querySelectorAll(".bar")].some((bar) => Number(bar.style.getPropertyValue("--weight")) > 0.02),
    sides: [...document.querySelectorAll(".row .value i")].slice(0, 2).map((each) => each.textContent).join(""),
    mirrored: document.getElementById("mirror").getAttribute("aria-pressed"),
  };
});

async function until(page, changed) {
  const first = await look(page);
  for (let tries = 0; tries < 300; tries += 1) {
    await page.waitForTimeout(200);
    const now = await look(page);
    if (changed(first, now)) return [first, now];
  }
  throw new Error(`nothing changed: ${JSON.stringify(first)} ${faults.join("; ")}`);
}

try {
  const page = await opened(1000, 700, "dark");
  const seen = await until(page, (one, other) => one.picture !== other.picture && one.values !== other.values);
  await page.screenshot({ path: join(folder, "dark.png") });
  await page.keyboard.press("m");
  await page.waitForFunction(() => document.querySelector(".row .value i")?.textContent === "R");
  const turned = await look(page);
  const narrow = await opened(380, 800, "light");
  const small = await look(narrow);
  await narrow.screenshot({ path: join(folder, "light-380.png"), fullPage: true });
  await narrow.close();
  await page.keyboard.press("q");
  await page.waitForSelector("#state.over", { timeout: 60000 });
  const said = await page.textContent("#state");
  process.stdout.write(JSON.stringify({ seen, turned, small, said, faults }));
} finally {
  await browser.close();
}
