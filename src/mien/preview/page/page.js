// Reads the stream of messages and shows the newest. A message: the length of its JSON (4 bytes, big-endian), the JSON,
// the length of its JPEG, the JPEG.
import { draw } from "./drawing.js";

const $ = (id) => document.getElementById(id);
const canvas = $("picture");
const view = { mirrored: true, drawn: true };
const cards = new Map();
let mesh = null;
let shown = null;

async function watch() {
  mesh = await (await fetch("mesh.json")).json();
  const response = await fetch("stream", { cache: "no-store" });
  if (response.status === 503) return over("other pages are watching already: close one, then reload");
  if (!response.ok) return over("the capture has ended");
  const reader = response.body.getReader();
  let waiting = new Uint8Array(0);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return over("the capture has ended");
    const grown = new Uint8Array(waiting.length + value.length);
    grown.set(waiting);
    grown.set(value, waiting.length);
    waiting = grown;
    let newest = null;
    for (let found = taken(waiting); found; found = taken(waiting)) {
      newest = found;
      waiting = waiting.subarray(found.length);
    }
    if (newest) await show(newest);
  }
}

// The first whole message of some bytes, or null.
function taken(bytes) {
  const numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 4) return null;
  const text = numbers.getUint32(0);
  if (bytes.length < 8 + text) return null;
  const jpeg = numbers.getUint32(4 + text);
  const length = 8 + text + jpeg;
  if (bytes.length < length) return null;
  return { text: bytes.subarray(4, 4 + text), jpeg: bytes.subarray(8 + text, length), length };
}

async function show({ text, jpeg }) {
  const message = JSON.parse(new TextDecoder().decode(text));
  const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  shown?.bitmap.close();
  shown = { message, bitmap };
  paint();
  tell(message);
}

function paint() {
  if (shown) draw(canvas, shown.bitmap, shown.message, mesh, view);
}

function tell(message) {
  say("source", message.source);
  document.title = `${message.source} – mien live`;
  const state = $("state");
  if (state.className !== "live") state.className = "live";
  say("state", `live, ${message.camera}`);
  say("rate", message.rate.toFixed(0));
  say("latency", message.latency.toFixed(0));
  say("dropped", String(message.dropped));
  const seconds = Math.floor(message.seconds);
  say("time", `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
  $("nobody").hidden = message.faces.length > 0;
  const here = new Set(message.faces.map((face) => face.number));
  for (const [number, card] of cards) {
    if (!here.has(number)) {
      card.remove();
      cards.delete(number);
    }
  }
  for (const face of message.faces) tellFace(face);
}

function say(place, text) {
  const element = typeof place === "string" ? $(place) : place;
  if (element.textContent !== text) element.textContent = text;
}

function made(kind, className, ...children) {
  const element = document.createElement(kind);
  element.className = className;
  element.append(...children);
  return element;
}

function tellFace(face) {
  let card = cards.get(face.number);
  if (!card) {
    const angles = ["pitch", "yaw", "roll"].map((name) => made("span", name, name, made("b", "")));
    card = made(
      "article", "face",
      made("h2", "", made("span", "", `Face ${face.number}`), made("span", "quality")),
      made("div", "pose", ...angles),
      made("div", "rows"),
    );
    card.style.setProperty("--own", `var(--face-${face.number % 5})`);
    const later = [...cards.keys()].filter((number) => number > face.number);
    $("faces").insertBefore(card, later.length ? cards.get(Math.min(...later)) : null);
    cards.set(face.number, card);
  }
  say(card.querySelector(".quality"), `quality ${face.quality.toFixed(2)}`);
  for (const name of ["pitch", "yaw", "roll"]) {
    say(card.querySelector(`.${name} b`), `${(Math.round(face[name]) + 0).toFixed(0)}°`);
  }
  tellRows(card.querySelector(".rows"), face.rows);
}

// A row holds one weight, or the left and the right one. In a mirror the left side of a face is on the left.
function tellRows(rows, wanted) {
  const layout = JSON.stringify([view.mirrored, ...wanted.map((row) => [row[0], row.length])]);
  if (rows.dataset.layout !== layout) {
    rows.dataset.layout = layout;
    rows.replaceChildren(...wanted.map(([name, ...weights]) => emptyRow(name, weights.length)));
  }
  wanted.forEach(([, ...weights], k) => {
    const inOrder = weights.length === 2 && !view.mirrored ? [weights[1], weights[0]] : weights;
    const values = rows.children[k].querySelectorAll(".value b");
    const bars = rows.children[k].querySelectorAll(".bar");
    inOrder.forEach((weight, side) => {
      say(values[side], weight.toFixed(2));
      bars[side].style.setProperty("--weight", String(Math.min(Math.max(weight, 0), 1)));
    });
  });
}

function emptyRow(name, sides) {
  const value = (mark) => made("span", "value", ...(mark ? [made("i", "", mark)] : []), made("b", ""));
  const marks = view.mirrored ? ["L", "R"] : ["R", "L"];
  const title = made("span", "name", name);
  const words =
    sides === 2
      ? made("div", "words", value(marks[0]), title, value(marks[1]))
      : made("div", "words", made("span", ""), title, value(""));
  const bars = made("div", sides === 2 ? "bars" : "bars one");
  bars.setAttribute("aria-hidden", "true");
  for (let k = 0; k < sides; k += 1) bars.append(made("div", "bar"));
  return made("div", "row", words, bars);
}

function over(why) {
  $("state").className = "over";
  say("state", why);
  for (const id of ["mirror", "mesh", "stop"]) $(id).disabled = true;
}

function toggle(id, name) {
  view[name] = !view[name];
  $(id).setAttribute("aria-pressed", String(view[name]));
  paint();
  if (shown) tell(shown.message);
}

async function stop() {
  $("stop").disabled = true;
  say("stop", "Stopping …");
  await fetch("stop", { method: "POST" });
}

const KEYS = { m: () => toggle("mirror", "mirrored"), d: () => toggle("mesh", "drawn"), q: stop };
$("mirror").addEventListener("click", KEYS.m);
$("mesh").addEventListener("click", KEYS.d);
$("stop").addEventListener("click", KEYS.q);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || $("stop").disabled) return;
  KEYS[event.key]?.();
});
window.addEventListener("resize", paint);
watch().catch(() => over("the connection was lost: reload once the capture runs"));
