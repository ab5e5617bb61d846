// A page that asks an engine what photos show. `engine.js` sets `marque.engine` to
//
// { where, kinds, accept: texts about it; together: photos that it is asked about at a time;
//   start(): promises { description, classes }; classify(file): promises [{ name, probability }, …], the most probable class first }
//
// An error that has `isFinal` is the last thing that the engine has to say.
'use strict';

/** Classes that are shown beside the most probable one. */
const NEXT = 3;

globalThis.marque = {};

const by = (id) => document.getElementById(id);
const entries = [];
/** Entries that nobody has been asked about yet. */
const waiting = [];
let classes = [], running = 0, isReady = false, hasFailed = false;

const made = (name, text, className) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};
const percent = (share) => (100 * share).toFixed(1) + ' %';
const isDone = (entry) => entry.answer !== undefined || entry.error !== undefined;

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
  by('clear').disabled = done < entries.length || entries.length === 0;
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
    const entry = { file, cells, url: picture.src };
    entries.push(entry);
    waiting.push(entry);
  }
  if (hasFailed) giveUp();
  work();
  tell();
}

/** Asks about photos that wait, as many at a time as the engine takes. */
function work() {
  while (isReady && running < marque.engine.together && waiting.length > 0) {
    running += 1;
    ask(waiting.shift()).finally(() => {
      running -= 1;
      work();
    });
  }
}

async function ask(entry) {
  try {
    entry.answer = await marque.engine.classify(entry.file);
  } catch (error) {
    entry.error = error.message;
    if (error.isFinal) failed(error.message);
  }
  show(entry);
  tell();
}

async function start() {
  const { engine } = marque;
  if (engine === undefined) return failed('engine.js could not be loaded');
  by('where').textContent = engine.where;
  by('kinds').textContent = engine.kinds;
  by('files').accept = engine.accept;
  try {
    const told = await engine.start();
    ({ classes } = told);
    const named = classes.slice(0, 10).join(', ') + (classes.length > 10 ? ' …' : '.');
    by('model').textContent = `${told.description} ${classes.length} classes: ${named}`;
    isReady = true;
    work();
  } catch (error) {
    failed(error.message);
  }
}

/** Leaves all photos that wait without an answer. */
function giveUp() {
  for (const entry of waiting.splice(0)) {
    entry.error = 'no model answers';
    show(entry);
  }
}

function failed(reason) {
  isReady = false;
  hasFailed = true;
  by('model').className = 'bad';
  by('model').textContent = `This page cannot answer: ${reason}.`;
  giveUp();
  tell();
}

function show({ answer, error, cells: { label, share, next } }) {
  label.className = error === undefined ? 'class' : 'bad';
  if (error !== undefined) {
    label.textContent = 'Error: ' + error;
    return;
  }
  const [first, ...rest] = answer;
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

/** All answers as CSV. A model that took another one's place meanwhile may know other classes. */
function table() {
  const head = ['photo', 'class', 'probability', ...classes.map((name) => 'probability of ' + name), 'error'];
  const lines = entries.map(({ file, answer, error }) => {
    if (error !== undefined) return [file.name, '', '', ...classes.map(() => ''), error];
    const [first] = answer;
    const shares = new Map(answer.map(({ name, probability }) => [name, probability]));
    return [file.name, first.name, first.probability, ...classes.map((name) => shares.get(name) ?? ''), ''];
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
document.addEventListener('DOMContentLoaded', start);
