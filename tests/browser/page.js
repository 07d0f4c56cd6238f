// Opens the GLB that the address names (page.html?face.glb) as any three.js viewer would. The driver then asks for the
// face at a moment, or lets the animation run by the clock.
import * as THREE from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

const SIDE = 384;
const renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
renderer.setSize(SIDE, SIDE);
document.body.append(renderer.domElement);
const scene = new THREE.Scene();
scene.background = new THREE.Color(0x445566);
scene.add(new THREE.HemisphereLight(0xffffff, 0x444444, 1.5));
const lamp = new THREE.DirectionalLight(0xffffff, 2);
lamp.position.set(1, 1, 2);
scene.add(lamp);

const gltf = await new GLTFLoader().loadAsync(location.search.slice(1));
scene.add(gltf.scene);
let mesh;
gltf.scene.traverse((object) => { if (object.isMesh) mesh = object; });

// The camera stands before the face, on the side that glTF calls its front: +z.
const box = new THREE.Box3().setFromBufferAttribute(mesh.geometry.attributes.position);
const ball = box.getBoundingSphere(new THREE.Sphere());
const camera = new THREE.PerspectiveCamera(30, 1, ball.radius / 100, ball.radius * 100);
camera.position.copy(ball.center).add(new THREE.Vector3(0, 0, (1.2 * ball.radius) / Math.sin(Math.PI / 12)));
camera.lookAt(ball.center);

const mixer = new THREE.AnimationMixer(gltf.scene);
for (const clip of gltf.animations) mixer.clipAction(clip).play();

function pixels() {
  const gl = renderer.getContext();
  const data = new Uint8Array(4 * SIDE * SIDE);
  gl.readPixels(0, 0, SIDE, SIDE, gl.RGBA, gl.UNSIGNED_BYTE, data);
  return data;
}

function state() {
  return { influences: [...mesh.morphTargetInfluences ?? []], quaternion: mesh.quaternion.toArray(), time: mixer.time };
}

let before = null;
// Renders the face as it stands, and counts the pixels that differ from the picture before.
function render() {
  renderer.render(scene, camera);
  const after = pixels();
  let changed = 0;
  for (let i = 0; before && i < after.length; i += 4) {
    const step = (k) => Math.abs(after[i + k] - before[i + k]);
    if (Math.max(step(0), step(1), step(2)) > 8) changed += 1;
  }
  before = after;
  return { ...state(), changed, middle: [...after.subarray(4 * SIDE * (SIDE / 2) + 2 * SIDE).subarray(0, 3)] };
}

window.face = {
  about: {
    targets: mesh.morphTargetDictionary ?? {},
    vertices: mesh.geometry.attributes.position.count,
    attributes: Object.keys(mesh.geometry.attributes).sort(),
    textured: mesh.material.map !== null,
    coloured: mesh.material.vertexColors,
    clips: gltf.animations.map((clip) => ({ tracks: clip.tracks.map((track) => track.name), duration: clip.duration })),
    size: box.getSize(new THREE.Vector3()).toArray(),
  },
  at(seconds) { mixer.setTime(seconds); return render(); },
  // Only this target, at 1: does the name move what it says?
  only(name) {
    mesh.morphTargetInfluences.fill(0);
    mesh.morphTargetInfluences[mesh.morphTargetDictionary[name]] = 1;
    return render();
  },
  // Plays by the clock for some seconds, as a viewer does; gives every frame that was drawn.
  play(seconds) {
    mixer.setTime(0);
    return new Promise((done) => {
      const frames = [];
      let last = null;
      function step(now) {
        if (last !== null) mixer.update((now - last) / 1000);
        last = now;
        frames.push(render());
        if (mixer.time < seconds) requestAnimationFrame(step); else done(frames);
      }
      requestAnimationFrame(step);
    });
  },
};
