// Computes beside the page. Messages in: { engine, model }, two blobs, first; then { file }, one after the other. Each is answered: the
// first by { model } or { error }, the others by { probabilities } or { error, ended }.
'use strict';

/** Pixels that are drawn at a time: browsers bound their canvases, phones by 16 megapixels. */
const MOST_DRAWN = 4_000_000;
/** The longest side and the most pixels of a photo, as in marque's own decoders. */
const LONGEST_SIDE = 32_768, MOST_PIXELS = 178_000_000;

let engine;

const text = () => new TextDecoder().decode(
  new Uint8Array(engine.memory.buffer, engine.marque_text(), engine.marque_text_length()));

/** What a call of the engine says: its text as JSON, or an error with it. */
function told(call) {
  let isGood;
  try {
    isGood = call();
  } catch (trap) {
    // The instance is spent, but what it said last can be read.
    const error = new Error(text() || `the program failed: ${trap.message}`);
    error.ended = true;
    throw error;
  }
  if (!isGood) throw new Error(text());
  return JSON.parse(text());
}

/** Memory of the engine. */
function lent(length) {
  const start = engine.marque_alloc(length) >>> 0;
  if (start === 0) throw new Error(`there is no memory for ${length} bytes`);
  return start;
}

async function load({ engine: program, model }) {
  const { instance } = await WebAssembly.instantiate(await program.arrayBuffer());
  engine = instance.exports;
  const start = lent(model.size);
  new Uint8Array(engine.memory.buffer, start).set(new Uint8Array(await model.arrayBuffer()));
  return told(() => engine.marque_load(start));
}

async function classify(file) {
  let photo;
  try {
    // The pixels as they are stored, but upright: no colour profile and no opacity is applied, as where marque decodes.
    const options = { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' };
    photo = await createImageBitmap(file, options);
  } catch {
    throw new Error('this browser cannot read it as a photo');
  }
  const { width, height } = photo;
  try {
    if (Math.max(width, height) > LONGEST_SIDE || width * height > MOST_PIXELS) {
      throw new Error(`the photo has ${width} × ${height} px, more than ${LONGEST_SIDE} px a side or ${MOST_PIXELS} in all`);
    }
    const start = lent(4 * width * height);
    try {
      copy(photo, start);
    } catch (error) {
      engine.marque_free(start);
      throw error;
    }
    return told(() => engine.marque_run(start, width, height)).probabilities;
  } finally {
    photo.close();
  }
}

/** Copies a photo's pixels into the engine's memory, some rows at a time. */
function copy(photo, start) {
  const { width, height } = photo;
  const rows = Math.min(height, Math.max(1, Math.floor(MOST_DRAWN / width)));
  const canvas = new OffscreenCanvas(width, rows);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(photo, 0, top, width, count, 0, 0, width, count);
    const { data } = context.getImageData(0, 0, width, count);
    new Uint8Array(engine.memory.buffer, start + 4 * width * top, data.length).set(data);
  }
}

onmessage = async ({ data }) => {
  try {
    postMessage(data.file ? { probabilities: await classify(data.file) } : { model: await load(data) });
  } catch (error) {
    postMessage({ error: error.message, ended: Boolean(error.ended) });
  }
};
