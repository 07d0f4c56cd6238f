// Draws a picture and what was read in it on a canvas. Points come in pixels of the picture that was sent.

const INKS = ["#40ceff", "#ff8ab0", "#8ee87a", "#be96ff", "#ffbe54"];
const AXES = ["#ff4d5e", "#4ade80", "#4084ff"];
const GAZE = "#ffd652";
const IRISES = [468, 473];

export function draw(canvas, bitmap, message, mesh, { mirrored, drawn }) {
  const scale = fit(canvas, message);
  const pen = canvas.getContext("2d", { alpha: false });
  pen.setTransform(mirrored ? -scale : scale, 0, 0, scale, mirrored ? canvas.width : 0, 0);
  pen.drawImage(bitmap, 0, 0, message.width, message.height);
  if (!drawn || !mesh) return;
  pen.lineJoin = pen.lineCap = "round";
  for (const face of message.faces) drawFace(pen, face, mesh);
  if (message.faces.length > 1) {
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    for (const face of message.faces) drawNumber(pen, face, mirrored ? message.width : null);
  }
}

// Makes the canvas as fine as the screen; returns canvas pixels per pixel of the picture.
function fit(canvas, message) {
  const wide = Math.min(Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)) || message.width, 1920);
  const high = Math.round((wide * message.height) / message.width);
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  return wide / message.width;
}

function drawFace(pen, face, mesh) {
  const at = (place) => [face.points[2 * place], face.points[2 * place + 1]];
  const box = bounds(face.points);
  const size = Math.sqrt((box.right - box.left) * (box.bottom - box.top));
  const ink = INKS[face.number % INKS.length];
  pen.strokeStyle = ink;
  // The mesh of a small face would hide it.
  const strength = 0.55 * Math.min(Math.max((size - 40) / 100, 0), 1);
  if (strength > 0) {
    pen.globalAlpha = strength;
    pen.lineWidth = Math.max(0.4, 0.0021 * size);
    pen.beginPath();
    for (const [one, other] of mesh.edges) {
      pen.moveTo(...at(one));
      pen.lineTo(...at(other));
    }
    pen.stroke();
  }
  pen.globalAlpha = 0.95;
  pen.lineWidth = Math.max(0.7, 0.0065 * size);
  pen.beginPath();
  for (const ring of mesh.closed) line(pen, ring.map(at), true);
  for (const brow of mesh.open) line(pen, brow.map(at), false);
  for (const iris of IRISES) line(pen, ellipse([1, 2, 3, 4].map((k) => at(iris + k))), true);
  pen.stroke();
  pen.globalAlpha = 1;
  pen.lineWidth = Math.max(1.2, 0.016 * size);
  for (let k = 0; k < face.axes.length / 4; k += 1) ray(pen, face.axes.slice(4 * k, 4 * k + 4), AXES[k], false);
  for (let k = 0; k < face.gaze.length / 4; k += 1) ray(pen, face.gaze.slice(4 * k, 4 * k + 4), GAZE, true);
}

// Points of the ellipse through four that lie a quarter turn apart.
function ellipse(ring) {
  const half = (one, other, axis) => (ring[one][axis] - ring[other][axis]) / 2;
  const middle = (axis) => ring.reduce((sum, point) => sum + point[axis], 0) / 4;
  return Array.from({ length: 24 }, (_, k) => {
    const turn = (k * Math.PI) / 12;
    return [0, 1].map((axis) => middle(axis) + Math.cos(turn) * half(0, 2, axis) + Math.sin(turn) * half(1, 3, axis));
  });
}

function line(pen, points, closed) {
  points.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  if (closed) pen.closePath();
}

function ray(pen, [x0, y0, x1, y1], colour, fades) {
  let ink = colour;
  if (fades && (x0 !== x1 || y0 !== y1)) {
    ink = pen.createLinearGradient(x0, y0, x1, y1);
    ink.addColorStop(0, colour);
    ink.addColorStop(1, `${colour}00`);
  }
  pen.strokeStyle = ink;
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

function drawNumber(pen, face, mirrorWidth) {
  const box = bounds(face.points);
  const left = mirrorWidth === null ? box.left : mirrorWidth - box.right;
  pen.globalAlpha = 1;
  pen.font = "600 16px system-ui, sans-serif";
  const text = String(face.number);
  const wide = pen.measureText(text).width + 12;
  const top = Math.max(box.top - 24, 0);
  pen.fillStyle = INKS[face.number % INKS.length];
  pen.beginPath();
  pen.roundRect(left, top, wide, 22, 4);
  pen.fill();
  pen.fillStyle = "#11141b";
  pen.fillText(text, left + 6, top + 17);
}

function bounds(points) {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (let k = 0; k < points.length; k += 2) {
    box.left = Math.min(box.left, points[k]);
    box.right = Math.max(box.right, points[k]);
    box.top = Math.min(box.top, points[k + 1]);
    box.bottom = Math.max(box.bottom, points[k + 1]);
  }
  return box;
}
