// Opens a page of tests/browser in a headless Chromium:
//   node open.mjs CHROMIUM ADDRESS FOLDER SECOND... [NAME...]
// It plays the animation for a second, then shows the face at each SECOND and with each target NAME alone, with a
// screenshot of every one in FOLDER. Prints what the page saw as JSON.
import { join } from "node:path";
import { chromium } from "playwright-core";

const [executablePath, address, folder, ...views] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 384, height: 384 } });
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    // Other warnings are of the graphics driver, about how slowly pixels are read back.
    const text = message.text();
    if (message.type() === "error" || text.startsWith("THREE.")) faults.push(text);
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["127.0.0.1", ""].includes(url.hostname)) faults.push(`asked for ${request.url()}`);
  });
  await page.goto(address);
  // A page whose script failed will never have a face: say why at once.
  while (!(await page.evaluate(() => Boolean(window.face)))) {
    if (faults.length) throw new Error(faults.join("; "));
    await new Promise((done) => setTimeout(done, 50));
  }
  const about = await page.evaluate(() => window.face.about);
  const played = about.clips.length ? await page.evaluate(() => window.face.play(1)) : [];
  const shown = [];
  for (const view of views) {
    const second = Number(view);
    shown.push(await page.evaluate(
      ([second, name]) => (name === null ? window.face.at(second) : window.face.only(name)),
      [second, Number.isNaN(second) ? view : null],
    ));
    await page.screenshot({ path: join(folder, `${view}.png`) });
  }
  process.stdout.write(JSON.stringify({ about, played, shown, faults }));
} finally {
  await browser.close();
}
