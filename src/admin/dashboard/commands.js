// Bytes for a device, and what becomes of them.
import { ask, deviceAt } from './api.js';
import { dump, fromBase64, fromHex, toBase64, toHex } from './bytes.js';
import { complain, complaint, h, put } from './dom.js';
import { instant, many, words } from './format.js';
import { poll } from './poll.js';

const MOST_SHOWN = 20;

/** How often one that has not ended is asked for, where nothing is heard of it. */
const LOOK = 1500;

/** What this page has sent, by device: it stays while the page does. */
const sent = new Map();

export class CommandsView {
  constructor(name, house) {
    this.name = name;
    this.problem = complaint();
    this.list = h('ol', { class: 'commands' });
    this.polls = [];
    this.rows = sent.get(name) ?? [];
    sent.set(name, this.rows);
    const form = house.mayChange ? this.form() : h('p', { class: 'hint' }, 'Your token may read only.');
    this.element = h('section', { class: 'part' }, h('div', { class: 'head' }, h('h2', {}, 'Send a command')), form, this.problem, this.list);
    [...this.rows].reverse().forEach((row) => this.watch(row));
  }

  leave() {
    this.polls.forEach((one) => one.stop());
  }

  /** Something has become of one of them. */
  hear({ id, state, time }) {
    const row = this.rows.find(({ told }) => told.id === id);
    if (row) passes(row, state, time);
    this.polls.forEach((one) => one.hurry());
  }

  form() {
    this.data = h('textarea', { id: 'data', rows: '2', required: true, spellcheck: 'false', autocomplete: 'off', placeholder: '01 03 00 00 00 02' });
    this.as = select('as', [['hex', 'hexadecimal'], ['text', 'text'], ['crlf', 'text and CR LF'], ['lf', 'text and LF']]);
    this.answer = select('answer', [['', 'none'], ['frame', 'the next frame']]);
    this.timeout = h('input', { id: 'timeout', value: '5s', size: '5', required: true, pattern: '\\d+(ms|s|min|m|h)' });
    this.ttl = h('input', { id: 'ttl', value: '60s', size: '5', required: true, pattern: '\\d+(ms|s|min|m|h|d)' });
    this.as.addEventListener('change', () => {
      this.data.placeholder = this.as.value === 'hex' ? '01 03 00 00 00 02' : 'AT+CSQ';
    });
    const field = (text, control) => h('span', { class: 'field' }, h('label', { for: control.id }, text), control);
    return h(
      'form',
      { class: 'command', submit: (event) => this.submit(event) },
      h('label', { for: 'data' }, 'Bytes'),
      this.data,
      h(
        'div',
        { class: 'tools' },
        field('as', this.as),
        field('answer', this.answer),
        field('within', this.timeout),
        field('sent within', this.ttl),
        h('button', { type: 'submit' }, 'Send'),
      ),
    );
  }

  /** What is written, as bytes. */
  bytes() {
    const text = this.data.value;
    if (this.as.value === 'hex') return fromHex(text);
    const end = { text: '', crlf: '\r\n', lf: '\n' }[this.as.value];
    return new TextEncoder().encode(text + end);
  }

  async submit(event) {
    event.preventDefault();
    const bytes = this.bytes();
    if (!bytes?.length) {
      complain(this.problem, 'These are no bytes in hexadecimal: two digits for each, blanks between them as you like.');
      return;
    }
    complain(this.problem);
    const body = { data: toBase64(bytes), encoding: 'base64', ttl: this.ttl.value };
    if (this.answer.value) Object.assign(body, { answer: this.answer.value, timeout: this.timeout.value });
    try {
      const told = await ask(`${deviceAt(this.name)}/commands`, { method: 'POST', body });
      const row = { bytes, steps: [], told };
      note(row, told);
      this.rows.unshift(row);
      this.rows.splice(MOST_SHOWN);
      this.watch(row);
      this.data.select();
    } catch (problem) {
      complain(this.problem, problem);
    }
  }

  /** Shows a command, and asks for it until it has ended. */
  watch(row) {
    const steps = h('span', { class: 'steps', role: 'status' });
    const answer = h('div', { class: 'answer' });
    const cancel = h('button', { type: 'button', class: 'quiet', click: () => this.cancel(row, draw) }, 'Cancel');
    const shown = toHex(row.bytes.slice(0, 32), ' ') + (row.bytes.length > 32 ? ' …' : '');
    this.list.prepend(
      h('li', {}, h('code', { class: 'hex' }, shown), h('span', { class: 'note' }, many(row.bytes.length, 'byte')), steps, cancel, answer),
    );
    while (this.list.children.length > MOST_SHOWN) this.list.lastChild.remove();

    const draw = () => {
      put(steps, row.steps.map(({ state, time }) => `${state} ${time && instant(time)}`).join(' → '));
      const { state, reason, data } = row.told;
      steps.dataset.state = state;
      if (reason) put(steps, `${steps.textContent}: ${words(reason)}`);
      cancel.hidden = state !== 'queued';
      if (data !== undefined && !answer.hasChildNodes()) answer.append(dump(fromBase64(data)));
    };
    draw();
    if (row.told.ended) return;
    const look = poll(LOOK, async (signal) => {
      try {
        note(row, await ask(`/api/commands/${encodeURIComponent(row.told.id)}`, { signal }));
        draw();
        if (row.told.ended) look.stop();
      } catch (problem) {
        complain(this.problem, problem);
        throw problem;
      }
    });
    this.polls.push(look);
  }

  async cancel(row, draw) {
    try {
      complain(this.problem);
      note(row, await ask(`/api/commands/${encodeURIComponent(row.told.id)}`, { method: 'DELETE' }));
      draw();
    } catch (problem) {
      complain(this.problem, problem);
    }
  }
}

/** How it stands. */
function note(row, told) {
  row.told = told;
  passes(row, told.state, told.time);
}

/** Keeps each state once, in the order of their times. */
function passes(row, state, time = '') {
  if (row.steps.some((step) => step.state === state)) return;
  row.steps.push({ state, time });
  row.steps.sort((a, b) => a.time.localeCompare(b.time));
}

const select = (id, options) =>
  h('select', { id }, options.map(([value, text]) => h('option', { value }, text)));
