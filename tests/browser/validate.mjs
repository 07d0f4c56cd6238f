// What the Khronos validator finds in a GLB: node validate.mjs FILE prints its report as JSON.
import { readFile } from "node:fs/promises";
import { validateBytes } from "gltf-validator";

const report = await validateBytes(new Uint8Array(await readFile(process.argv[2])), { maxIssues: 100 });
process.stdout.write(JSON.stringify({ issues: report.issues, info: report.info }));
