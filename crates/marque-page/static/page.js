'use strict';

/** Classes that are shown beside the most probable one. */
const NEXT = 3;
/** How often the engine is started anew after a photo that it failed at, before the page gives up. */
const MOST_STARTS = 20;

const by = (id) => document.getElementById(id);

/** Files that came as text, since a page that is opened from a disk may load nothing else: `engine.js` and `model.js` fill them. */
const parts = { engine: [], model: [] };
let workerSource = '';

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let place = 0; place < bytes.length; place += 1) bytes[place] = binary.charCodeAt(place);
  return bytes;
}

globalThis.marque = {
  part: (name, base64) => parts[name].push(bytesOf(base64)),
  worker: (source) => { workerSource = source; },
};

const entries = [];
/** Positions of the entries that wait; the first one is being answered. */
const waiting = [];
let classes, worker, engine, model, starts = 0, isReady = false, hasFailed = false;

const made = (name, text, className) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};
const percent = (share) => (100 * share).toFixed(1) + ' %';
const isDone = (entry) => entry.probabilities !== undefined || entry.error !== undefined;

function tell() {
  const done = entries.filter(isDone).length;
  const bad = entries.filter((entry) => entry.error !== undefined).length;
  by('status').textContent = entries.length === 0 ? ''
    : `${done} of ${entries.length} ${entries.length === 1 ? 'photo' : 'photos'} answered`
      + (bad ? `, ${bad} of them with an error.` : '.');
  by('progress').hidden = done === entries.length;
  by('progress').max = entries.length || 1;
  by('progress').value = done;
  by('answers').hidden = entries.length === 0;
  by('csv').disabled = done === 0 || done < entries.length;
  by('clear').disabled = entries.length === 0 || waiting.length > 0;
}

function add(files) {
  for (const file of files) {
    const picture = made('img');
    picture.alt = '';
    picture.loading = 'lazy';
    picture.decoding = 'async';
    picture.src = URL.createObjectURL(file);
    picture.addEventListener('error', () => picture.remove());
    const image = made('td', undefined, 'image');
    image.append(picture);
    const name = made('th', file.name);
    name.scope = 'row';
    const cells = { label: made('td', 'waiting …', 'soft'), share: made('td', '', 'number share'), next: made('td') };
    const row = made('tr');
    row.append(image, name, cells.label, cells.share, cells.next);
    row.setAttribute('role', 'row');
    for (const cell of row.cells) cell.setAttribute('role', cell === name ? 'rowheader' : 'cell');
    by('rows').append(row);
    entries.push({ file, cells, url: picture.src });
    waiting.push(entries.length - 1);
  }
  if (hasFailed) giveUp();
  if (waiting.length === files.length) ask();
  tell();
}

/** Asks about the first photo that waits. */
function ask() {
  if (isReady && waiting.length > 0) worker.postMessage({ id: waiting[0], file: entries[waiting[0]].file });
}

function start() {
  const source = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }));
  worker = new Worker(source);
  URL.revokeObjectURL(source);
  worker.onmessage = ({ data }) => (data.id === undefined ? loaded(data) : answered(data));
  worker.onerror = (event) => failed(event.message || 'the worker cannot be started');
  starts += 1;
  worker.postMessage({ engine, model });
}

function loaded({ model: told, error }) {
  if (error !== undefined) return failed(error);
  classes = told.classes;
  const named = classes.slice(0, 10).join(', ') + (classes.length > 10 ? ' …' : '.');
  by('model').textContent = `A ${told.network} that knows ${classes.length} classes: ${named}`;
  isReady = true;
  ask();
}

/** Leaves all photos that wait without an answer. */
function giveUp() {
  waiting.splice(0).forEach((place) => {
    entries[place].error = 'no model answers';
    show(entries[place]);
  });
}

function failed(reason) {
  isReady = false;
  hasFailed = true;
  by('model').className = 'bad';
  by('model').textContent = `This page cannot answer: ${reason}.`;
  giveUp();
  tell();
}

function answered({ id, probabilities, error, ended }) {
  const entry = entries[id];
  Object.assign(entry, error === undefined ? { probabilities } : { error });
  show(entry);
  waiting.shift();
  tell();
  if (!ended) return ask();
  worker.terminate();
  isReady = false;
  if (starts < MOST_STARTS) start();
  else failed(error);
}

const ranked = (probabilities) => probabilities
  .map((probability, place) => ({ name: classes[place], probability }))
  .sort((first, second) => second.probability - first.probability);

function show({ probabilities, error, cells: { label, share, next } }) {
  label.className = error === undefined ? 'class' : 'bad';
  if (error !== undefined) {
    label.textContent = 'Error: ' + error;
    return;
  }
  const [first, ...rest] = ranked(probabilities);
  label.textContent = first.name;
  share.textContent = percent(first.probability);
  const list = made('ol');
  for (const { name, probability } of rest.slice(0, NEXT)) {
    const meter = made('meter');
    meter.max = 1;
    meter.value = probability;
    meter.setAttribute('aria-hidden', 'true');
    const item = made('li');
    item.append(meter, ' ', made('span', percent(probability), 'share'), ' ' + name);
    list.append(item);
  }
  next.append(list);
}

const quoted = (text) => '"' + String(text).replaceAll('"', '""') + '"';

function table() {
  const head = ['photo', 'class', 'probability', ...(classes || []).map((name) => 'probability of ' + name), 'error'];
  const lines = entries.map(({ file, probabilities, error }) => {
    if (error !== undefined) return [file.name, '', '', ...(classes || []).map(() => ''), error];
    const [first] = ranked(probabilities);
    return [file.name, first.name, first.probability, ...probabilities, ''];
  });
  return [head, ...lines].map((line) => line.map(quoted).join(',') + '\r\n').join('');
}

by('csv').addEventListener('click', () => {
  const link = made('a');
  link.href = URL.createObjectURL(new Blob([table()], { type: 'text/csv' }));
  link.download = 'answers.csv';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

by('clear').addEventListener('click', () => {
  entries.forEach((entry) => URL.revokeObjectURL(entry.url));
  entries.length = 0;
  by('rows').replaceChildren();
  ['files', 'camera'].forEach((id) => { by(id).value = ''; });
  by('files').focus();
  tell();
});

for (const id of ['files', 'camera']) {
  by(id).addEventListener('change', ({ target }) => add([...target.files]));
  // Or else the same photos could not be chosen again.
  by(id).addEventListener('click', ({ target }) => { target.value = ''; });
}

for (const name of ['dragenter', 'dragover']) {
  document.addEventListener(name, (event) => { event.preventDefault(); by('drop').classList.add('over'); });
}
for (const name of ['dragleave', 'drop']) {
  document.addEventListener(name, (event) => { event.preventDefault(); by('drop').classList.remove('over'); });
}
document.addEventListener('drop', (event) => add([...event.dataTransfer.files]));

// By then, the scripts behind this one have run.
document.addEventListener('DOMContentLoaded', () => {
  const missing = Object.keys(parts).filter((name) => parts[name].length === 0);
  if (missing.length > 0) return failed(`${missing.map((name) => name + '.js').join(' and ')} could not be loaded`);
  [engine, model] = ['engine', 'model'].map((name) => new Blob(parts[name].splice(0)));
  start();
});
