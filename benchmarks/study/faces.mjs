// Draws cartoon faces as PNG files, the same ones on every machine: face number i comes from the seed "a<i>".
//
//     npm install && node faces.mjs FOLDER [--count 10000] [--size 128] [--style avataaars]
//
// The style "avataaars" is Pablo Stanley's "Avataaars" (avataaars.com), free for personal and commercial use; the
// packages that draw it are DiceBear's (MIT). Files that are there already are kept, so an interrupted run goes on.

import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import * as styles from "@dicebear/collection";
import { createAvatar } from "@dicebear/core";
import { Resvg } from "@resvg/resvg-js";

const PROGRESS_EVERY = 1000;

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(2);
}

function positive(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) fail(`--${name} is ${text}; it must be a whole number of at least 1.`);
  return value;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "10000" },
    size: { type: "string", default: "128" },
    style: { type: "string", default: "avataaars" },
  },
});
if (positionals.length !== 1) fail("name the folder to write to: node faces.mjs FOLDER.");
const [folder] = positionals;
const count = positive("count", values.count);
const size = positive("size", values.size);
const style = styles[values.style];
if (!style) fail(`there is no style ${values.style}; choose one of: ${Object.keys(styles).join(", ")}.`);

mkdirSync(folder, { recursive: true });
for (let number = 0; number < count; number += 1) {
  const file = join(folder, `${String(number).padStart(5, "0")}.png`);
  if (!existsSync(file)) {
    const face = createAvatar(style, { seed: `a${number}`, size, backgroundColor: ["ffffff"] });
    const image = new Resvg(face.toString(), { fitTo: { mode: "width", value: size } }).render();
    writeFileSync(`${file}.part`, image.asPng());
    renameSync(`${file}.part`, file);
  }
  if ((number + 1) % PROGRESS_EVERY === 0) console.log(`${number + 1} of ${count} faces`);
}
